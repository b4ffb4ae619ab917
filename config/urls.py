from django.contrib import admin
from django.urls import include, path

from dashboard.api.v1 import service

urlpatterns = [
    path(service.PREFIX, include((service.patterns(), service.NAMESPACE), namespace=service.NAMESPACE)),
    path("", include("dashboard.urls")),
    path("admin/", admin.site.urls),
]

handler500 = "dashboard.views.errors.failed"
