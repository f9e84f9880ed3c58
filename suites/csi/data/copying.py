"""A copy that is asked for in a size of its own."""

from __future__ import annotations

from typing import Any

from fixtures.subjects.csi.bench import Bench
from reports.model import NotApplicable


def sized_copy(csi: Bench, request: Any) -> Any:
    """The volume that a CreateVolumeRequest with a source makes. NotApplicable: copies have their source's size only.

    Refused: the driver refuses it for another reason.
    """
    answer = csi.client.answer(request)
    if answer.code == "OUT_OF_RANGE":
        raise NotApplicable(f"the driver copies into the same size only: {answer.details}")
    return answer.response.volume if answer.is_ok else csi.client.call(request).volume  # ABORTED: it may be pending
