"""The photos that masks are chosen on differ from the clean one where their masks say so."""

from itertools import islice

import cv2
import numpy as np

from research.study.mask_validation import cases


def test_cases_change_the_photo_under_their_masks_alone(detector):
    clean, *others = islice(cases(detector), 10)
    assert clean.kind is None and not clean.truth.any() and clean.face.any()
    names = [case.kind for case in others]
    assert names[-2:] == ["side card"] * 2 and len({*names}) >= 6
    for case in others:
        changed = np.abs(case.photo.pixels.astype(int) - clean.photo.pixels).max(axis=2) > 0
        near = cv2.dilate(case.truth.astype(np.uint8), np.ones((9, 9))) > 0  # soft edges are not counted
        assert (changed & case.truth).sum() > 0.99 * case.truth.sum(), case.kind
        assert (changed & ~near & case.face).sum() < 0.01 * case.face.sum(), case.kind
