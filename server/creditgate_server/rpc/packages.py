"""CatalogService: the packages a tenant sells."""

from __future__ import annotations

from creditgate.v1 import catalog_service_pb2 as pb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.packages import Package, Packages

from . import encode, fields
from .call import Call
from .decode_plans import VERSION_MAX
from .detached import Detached
from .fingerprint import fingerprint
from .lists import Lists, page_size
from .status import refuse

VALID_FOR_MS_MAX = 315_576_000_000


class PackageCatalog:
    """Writes and reads versions of packages."""

    def __init__(self, packages: Packages, lists: Lists, detached: Detached) -> None:
        self._packages = packages
        self._lists = lists
        self._run = detached.run

    async def put_package(self, request: pb.PutPackageRequest, call: Call) -> pb.PutPackageResponse:
        """Write a version of a package."""
        new = _decode(request)
        result = await self._run(self._packages.put_package(call.tenant_id, new))
        if result.outcome != Outcome.ACCEPTED or result.package is None:
            encode.refuse_named(result.outcome, package_id=new.package_id)
        response = pb.PutPackageResponse(replayed=result.replayed)
        _encode(response.package, result.package)
        return response

    async def get_package(self, request: pb.GetPackageRequest, call: Call) -> pb.GetPackageResponse:
        """Read a version of a package."""
        package_id = fields.identifier(request, "package_id", request.package_id)
        version = fields.number(request, "version", request.version, high=VERSION_MAX)
        found = await self._run(self._packages.get_package(call.tenant_id, package_id, version))
        if found is None:
            refuse(Outcome.PACKAGE_NOT_FOUND)
        response = pb.GetPackageResponse()
        _encode(response.package, found)
        return response

    async def list_packages(
        self, request: pb.ListPackagesRequest, call: Call
    ) -> pb.ListPackagesResponse:
        """Read a page of the latest versions of packages, in the order of their ids."""
        size = page_size(request)
        after = self._lists.after(request, call)
        found = await self._run(
            self._packages.list_packages(call.tenant_id, after=after, limit=size + 1)
        )
        response = pb.ListPackagesResponse()
        if last := encode.page(response.packages, found, size, _encode):
            response.next_page_token = self._lists.token(request, call, last.package_id)
        return response


def _decode(request: pb.PutPackageRequest) -> Package:
    if not request.HasField("package"):
        raise fields.bad(request, "package", "must be set")
    given = request.package
    valid_for_ms = None
    if given.HasField("valid_for"):
        valid_for_ms = fields.duration_ms(
            request, "package.valid_for", given.valid_for, low=1, high=VALID_FOR_MS_MAX
        )
    high = fields.PRIORITY_MAX
    package = Package(
        fields.identifier(request, "package.package_id", given.package_id),
        fields.number(request, "package.version", given.version, low=1, high=VERSION_MAX),
        fields.text(request, "package.name", given.name),
        fields.amount(request, "package.amount_micros", given.amount_micros),
        fields.number(request, "package.priority", given.priority, high=high),
        valid_for_ms,
    )
    said = ((name, value) for name, value in package._asdict().items() if value)
    parts = [f"{name}={value}" for name, value in said if name not in {"package_id", "version"}]
    return package._replace(fingerprint=fingerprint("package", parts))


def _encode(to: pb.Package, of: Package) -> None:
    to.package_id = of.package_id
    to.version = of.version
    to.name = of.name
    to.amount_micros = of.amount_micros
    to.priority = of.priority
    if of.valid_for_ms is not None:
        to.valid_for.FromMilliseconds(of.valid_for_ms)
    if of.created_at is not None:
        encode.moment(to.created_at, of.created_at)
