"""Custom properties that the site's reports show (Plugins API contract, section 7)."""

from collections.abc import Mapping

from rest_framework.request import Request
from rest_framework.response import Response

from goals.api.plugins.bodies import Body, Path, body_of, check, list_in, object_in, text_in
from goals.api.plugins.failures import INVALID, Fault, InvalidShape
from goals.api.plugins.views import PluginsView
from goals.prop_services import disable_props, enable_props


class CustomPropsView(PluginsView):
    """`/custom_props`."""

    def put(self, request: Request) -> Response:
        """Enable one or many; answer all that are enabled."""
        names = enable_props(self.actor.site, _names(body_of(request)), self.actor.features, who=self.actor)
        return Response({"custom_props": [{"custom_prop": {"key": name}} for name in names]}, status=201)

    def delete(self, request: Request) -> Response:
        """Take one or many off the list; what is not on it is no error."""
        disable_props(self.actor.site, _names(body_of(request)), who=self.actor)
        return Response(status=204)


def _names(body: Body) -> list[str]:
    """Return the one key, or the keys, that a body names. Raises: InvalidShape, also for both at once."""
    single: list[Fault] = []
    bulk: list[Fault] = []
    name = _name(body, (), single)
    items = list_in(body, "custom_props", (), bulk, least=1, most=None)
    names = [_name(item, ("custom_props", position), bulk) for position, item in enumerate(items)]
    if not single and not bulk:
        raise InvalidShape([Fault(("custom_props",), "cannot be sent together with a single property")])
    if not single:
        return [name]
    check(bulk if "custom_props" in body else single)
    return names


def _name(item: object, path: Path, faults: list[Fault]) -> str:
    if not isinstance(item, Mapping):
        faults.append(Fault(path, INVALID))
        return ""
    prop = object_in(item, "custom_prop", path, faults)
    return "" if prop is None else text_in(prop, "key", (*path, "custom_prop"), faults)
