"""The console: server-rendered pages for staff. Works without JavaScript; HTMX only saves reloads."""
