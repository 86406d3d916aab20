"""What the admin's pages share: every write is audited, JSON is safe to keep, grave actions ask once more."""

import json
from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.db.models import Field, JSONField, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.models import User
from accounts.records import write_audit


def person_of(request: HttpRequest) -> User:
    """Return who is logged in; the admin lets in nobody else."""
    if not isinstance(request.user, User):
        raise TypeError("the admin was reached without a login")
    return request.user


class UnicodeDecoder(json.JSONDecoder):
    """Takes JSON that can be stored and shown again: no half of a surrogate pair, no number of thousands of digits."""

    def decode(self, s: str, *arguments: Any) -> Any:
        try:
            value = super().decode(s, *arguments)
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as problem:
            raise json.JSONDecodeError("lone surrogate", s, 0) from problem
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError) as problem:
            raise json.JSONDecodeError("a number too long or lists too deep", s, 0) from problem
        return value


JSON_FIELDS: "Final[dict[type[Field[Any, Any]], dict[str, Any]]]" = {
    JSONField: {"form_class": forms.JSONField, "decoder": UnicodeDecoder}
}


class SuggestingInput(AdminTextInputWidget):
    """A text that the browser completes from a list; anything else may be typed, and is checked like any text."""

    def __init__(self, suggestions: Iterable[str]) -> None:
        super().__init__()
        self.suggestions = suggestions

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        listed = f"suggestions_{name}"
        text = super().render(name, value, {**(attrs or {}), "list": listed, "autocomplete": "off"}, renderer)
        options = format_html_join("", '<option value="{}">', ((one,) for one in self.suggestions))
        return format_html('{}<datalist id="{}">{}</datalist>', text, listed, options)


class AuditedAdmin(admin.ModelAdmin):
    """Pages whose writes are noted in the audit log, with the names of the fields that changed, never their values.

    `services_audit` where all writes of a model go through services, which note them themselves. `page_actions` are
    actions of the list that a record's own page offers as buttons: name and label.
    """

    services_audit = False
    page_actions: tuple[tuple[str, str], ...] = ()
    change_form_template = "admin/accounts/change_form_with_actions.html"
    confirmed_template = "admin/accounts/confirm_action.html"

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        entry = super().log_addition(request, obj, message)
        self._audit(request, "create", obj)
        return entry

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        entry = super().log_change(request, obj, message)
        self._audit(request, "update", f"{obj}: {entry.get_change_message()}")
        return entry

    def log_deletions(self, request: HttpRequest, queryset: "QuerySet[Any]") -> Any:
        for record in queryset:
            self._audit(request, "delete", record)
        return super().log_deletions(request, queryset)

    def _audit(self, request: HttpRequest, verb: str, target: object) -> None:
        if not self.services_audit:
            write_audit(person_of(request), f"{self.opts.model_name}.{verb}", target)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Offer those page actions that the person may use."""
        allowed = self.get_actions(request)
        context["page_actions"] = [(name, label) for name, label in self.page_actions if name in allowed]
        return super().render_change_form(request, context, *args, **kwargs)

    def asks(
        self, request: HttpRequest, action: str, chosen: "QuerySet[Any]", question: str, consequence: str
    ) -> HttpResponse | None:
        """Return the page that asks whether an action is meant, None once it has been said."""
        if request.POST.get("confirm") == "yes":
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": question,
            "consequence": consequence,
            "chosen": chosen,
            "action": action,
            "opts": self.opts,
        }
        return TemplateResponse(request, self.confirmed_template, context)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Pages of records that are made elsewhere."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class UntouchableAdmin(ReadOnlyAdmin):
    """Pages of records that nobody deletes either."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
