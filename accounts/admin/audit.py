"""The admin's page of the audit log: what was done by whom."""

from django.contrib import admin

from accounts.admin.parts import UntouchableAdmin
from accounts.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(UntouchableAdmin):
    """What was done by whom: a person, perhaps with a key, a plugin, or the command line; nobody changes it."""

    list_display = ("when", "action", "target", "person", "key")
    fields = ("when", "action", "target", "person", "key")
    list_filter = (
        "at",
        "action",
        ("who", admin.EmptyFieldListFilter),
        ("key", admin.EmptyFieldListFilter),
        ("token", admin.EmptyFieldListFilter),
    )
    list_select_related = ("who", "key", "token")
    search_fields = ("action", "target", "who__email", "key__prefix", "key__name", "token__description")
    search_help_text = "Action, target, e-mail address, name or prefix of a key, or a plugin's token"
    date_hierarchy = "at"
    ordering = ("-at", "-pk")

    @admin.display(description="at (UTC)", ordering="at")
    def when(self, entry: AuditEntry) -> str:
        return f"{entry.at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="who", ordering="who__email")
    def person(self, entry: AuditEntry) -> str:
        if entry.token is not None:
            return f"plugin {entry.token}"
        return str(entry.who) if entry.who is not None else "command line, or deleted since"
