"""The plans of the key contract, section 8, as data; the default one has everything and no limits."""

from django.db import migrations

EVERYTHING = [
    "goals",
    "props",
    "stats_api",
    "sites_api",
    "funnels",
    "revenue_goals",
    "shared_links",
    "site_segments",
    "consolidated_view",
    "sso",
]
GROWTH = ["goals", "shared_links", "site_segments"]
BUSINESS = [*GROWTH, "props", "stats_api", "revenue_goals", "funnels", "consolidated_view"]

# name, features, sites, members besides the owner, API requests per hour
PLANS = [
    ("self-hosted", EVERYTHING, None, None, 1_000_000),
    ("starter", ["goals"], 1, 0, 600),
    ("growth", GROWTH, 3, 3, 600),
    ("business", BUSINESS, 10, 10, 600),
    ("enterprise", ["goals"], None, None, 600),
    ("trial", BUSINESS, 10, 10, 600),
]


def create_plans(apps, schema_editor):
    plan = apps.get_model("accounts", "Plan")
    for name, features, max_sites, max_members, hourly_limit in PLANS:
        plan.objects.create(
            name=name,
            features=features,
            max_sites=max_sites,
            max_members=max_members,
            hourly_limit=hourly_limit,
            is_default=name == "self-hosted",
        )
    apps.get_model("accounts", "ChangeMark").objects.create(pk=1)


def remove_plans(apps, schema_editor):
    apps.get_model("accounts", "Plan").objects.filter(name__in=[name for name, *_ in PLANS], teams=None).delete()
    apps.get_model("accounts", "ChangeMark").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(create_plans, remove_plans)]
