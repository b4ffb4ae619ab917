"""What people type: which fields a page asks for, and which input is refused before a service sees it."""
