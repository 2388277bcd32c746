"""The requests about packages."""

from __future__ import annotations

from creditgate._messages.convert import (
    duration,
    instant,
    optional_seconds,
)
from creditgate._messages.work import (
    Call,
)
from creditgate._types.amount import Amount, to_micros
from creditgate._types.base import Page
from creditgate._types.package import Package, PackagePublication
from creditgate.v1 import catalog_service_pb2 as catalog


def put_package(
    package_id: str,
    *,
    version: int,
    name: str,
    amount: Amount,
    priority: int,
    valid_for_seconds: float | None,
) -> Call[PackagePublication]:
    package = catalog.Package(
        package_id=package_id,
        version=version,
        name=name,
        amount_micros=to_micros(amount),
        priority=priority,
        valid_for=None if valid_for_seconds is None else duration(valid_for_seconds),
    )
    return Call("PutPackage", catalog.PutPackageRequest(package=package), read_publication)


def get_package(package_id: str, *, version: int | None) -> Call[Package]:
    request = catalog.GetPackageRequest(package_id=package_id, version=version or 0)
    return Call("GetPackage", request, lambda answer: read_package(answer.package), writes=False)


def list_packages(*, page_size: int, page_token: str) -> Call[Page[Package]]:
    request = catalog.ListPackagesRequest(page_size=page_size, page_token=page_token)
    return Call("ListPackages", request, read_packages, writes=False)


def read_package(package: catalog.Package) -> Package:
    return Package(
        package_id=package.package_id,
        version=package.version,
        name=package.name,
        amount_micros=package.amount_micros,
        priority=package.priority,
        valid_for_seconds=optional_seconds(package, "valid_for"),
        created_at=instant(package.created_at),
    )


def read_publication(answer: catalog.PutPackageResponse) -> PackagePublication:
    return PackagePublication(package=read_package(answer.package), replayed=answer.replayed)


def read_packages(answer: catalog.ListPackagesResponse) -> Page[Package]:
    items = tuple(map(read_package, answer.packages))
    return Page(items=items, next_page_token=answer.next_page_token)
