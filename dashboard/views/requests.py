from django.http import Http404, HttpRequest, HttpResponse


def index(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise Http404


def detail(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise Http404


def approve(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise Http404


def reject(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise Http404


def withdraw(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise Http404


def run(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise Http404


def new_apply(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise Http404
