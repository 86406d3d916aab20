"""Rules that keep traffic out of a site."""

from django.core.exceptions import ValidationError
from django.db import models

from accounts.models.columns import choices_of
from accounts.models.sites import Site
from accounts.types import ShieldKind
from accounts.validators import MAX_SHIELD_CHARACTERS, SHIELD_RULES_PER_KIND, clean_shield_value


class ShieldRule(models.Model):
    """One rule of a site's traffic shields (event contract 2.8)."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="shield_rules")
    kind = models.CharField(max_length=10, choices=choices_of(ShieldKind))
    value = models.CharField(max_length=MAX_SHIELD_CHARACTERS)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "kind", "value"], name="shield_rule_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

    def clean(self) -> None:
        try:
            self.value = clean_shield_value(self.kind, self.value)
        except ValidationError as problem:
            raise ValidationError({"value": problem}) from problem
        others = ShieldRule.objects.filter(site_id=self.site_id, kind=self.kind).exclude(pk=self.pk)
        if others.count() >= SHIELD_RULES_PER_KIND:
            raise ValidationError({"value": f"a site may have at most {SHIELD_RULES_PER_KIND} {self.kind} rules"})
