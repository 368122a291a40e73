"""Which images pools may be made of: the account's list, and for older API versions what Batch had at their time.

Refusals as recorded. Under the newest version an image must be on the list (api/images.json); under an older
one every image of an offer that Batch ever had passes, since programs of that time name images long gone.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

from batchkit.local.wire.errors import bad_value, error
from batchkit.local.wire.formats import Json
from batchkit.local.wire.versions import NEWEST, NO_MANAGED_IMAGES

_COMPUTE = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute/"
_GALLERY = f"{_COMPUTE}galleries/{{galleryName}}/images/{{galleryImageName}}"
_VERSION = f"{_GALLERY}/versions/{{galleryImageVersionName}}"
_MANAGED = f"{_COMPUTE}images/{{imageName}}"
_MUST_BE = "The specified resource id must be of the format "
_RETIRED = {  # publisher and offer, of the lists of supported images that the service gave through the years
    "canonical ubuntuserver", "openlogic centos", "openlogic centos-hpc", "credativ debian", "debian debian-10",
    "debian debian-11", "oracle oracle-linux", "suse sles", "suse sles-hpc", "almalinux almalinux",
    "almalinux almalinux-hpc", "almalinux almalinux-x86_64", "microsoft-ads linux-data-science-vm",
    "microsoft-ads standard-data-science-vm", "microsoft-azure-batch centos-container",
    "microsoft-azure-batch centos-container-rdma", "microsoft-azure-batch ubuntu-server-container",
    "microsoft-azure-batch ubuntu-server-container-rdma", "microsoft-dsvm dsvm-windows", "microsoft-dsvm ubuntu-1804",
    "microsoft-dsvm ubuntu-hpc", "microsoft-dsvm aml-workstation", "batch rendering-centos73",
    "batch rendering-windows2016", "microsoftwindowsserver windowsserver", "canonical 0001-com-ubuntu-server-focal",
    "canonical 0001-com-ubuntu-server-jammy", "microsoftwindowsserver windowsserversemiannual",
}  # fmt: skip


def check_image(reference: Json, version: str) -> None:
    """Check an image reference under an API version.

    Raises:
        BatchError: InvalidPropertyValue: an image that Batch has not, or an id that names none of a gallery.
    """
    name = reference.get("virtualMachineImageId")
    if name is not None:
        _check_id(str(name), managed=version < NO_MANAGED_IMAGES)
    elif reference.get("publisher") and not _supported(reference, version):
        said = " ".join(f"{part} {reference.get(part)}" for part in ("publisher", "offer", "sku"))
        reason = f"The specified imageReference with {said} is not supported."
        raise error("InvalidPropertyValue", PropertyName="imageReference", Reason=reason)


def _check_id(name: str, managed: bool) -> None:
    forms = [*([_MANAGED] if managed else []), _VERSION, _GALLERY]
    if not any(re.fullmatch(re.sub(r"{\w+}", "[^/]+", form), name, re.IGNORECASE) for form in forms):
        listed = f"{', '.join(forms[:-1])}, or {forms[-1]}" if managed else " or ".join(forms)
        raise bad_value("virtualMachineImageId", name, _MUST_BE + listed)


def _supported(reference: Json, version: str) -> bool:
    publisher, offer, sku = (str(reference.get(part)).lower() for part in ("publisher", "offer", "sku"))
    if (publisher, offer, sku) in listed():
        return True
    return version < NEWEST and f"{publisher} {offer}" in _RETIRED | {f"{row[0]} {row[1]}" for row in listed()}


@cache
def listed() -> frozenset[tuple[str, str, str]]:
    """Return publisher, offer and sku of each image on the list, in lower case."""
    shown = json.loads(files("batchkit.local.batch.api").joinpath("images.json").read_text("utf-8"))
    references = [entry["imageReference"] for entry in shown]
    return frozenset((r["publisher"].lower(), r["offer"].lower(), r["sku"].lower()) for r in references)
