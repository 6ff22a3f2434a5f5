"""A comparison or a map as a worker drives it: a table whose rows come one by one, curve by curve."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cached_property

import pandas as pd

from engine.calibrate import spaced_losses
from engine.comparison import COLUMNS, Curve, Several, framed, ranked
from engine.dial_comparison import Dials
from engine.intervention_comparison import Interventions, contenders
from engine.lab import Lab
from engine.phase_map import Map
from engine.questions import DialComparison, InterventionComparison, PhaseMap
from engine.report import CURVE
from engine.runners import Message
from engine.words import answer

LongQuestion = DialComparison | InterventionComparison | PhaseMap


class SeveralWork:
    """Several curves under way; see `engine.runners.work.Work`."""

    def __init__(self, question: LongQuestion, lab: Lab, several: Several | None = None) -> None:
        """Begins.

        Args:
            question: what is asked.
            lab: where it is measured.
            several: its curves, where somebody has made them already.
        """
        if several is not None:
            self._several = several
        self._question = question
        self._lab = lab
        self._rows: list[Message | None] = []
        self._curves: list[Message] = []
        self._ranking: list[int] = []
        self._points = (0, 0)
        self._seconds = 0.0
        self.finished = False

    def opening(self) -> Message:
        """The axes, the curves, and as many empty rows as there will be."""
        several = self._several
        self._rows = [None] * sum(len(several.lines(curve)) for curve in several.curves)
        self._curves = [self._told(number, curve) for number, curve in enumerate(several.curves)]
        return {"axes": several.axes(), "curves": self._curves, "rows": self._rows, **self._standing()}

    def recall(self) -> Message:
        """Nothing: each sweep takes what the store has when its turn comes."""
        return {}

    def step(self) -> Message:
        """Goes on to the next batch."""
        started = time.perf_counter()
        try:
            self._points = next(self._steps)
        except StopIteration:
            self.finished = True
        rows = self._changed_rows()
        self._seconds += time.perf_counter() - started
        return {"curves": self._curves, "ranking": self._ranking, "rows": rows, **self._standing()}

    def whole(self, points: tuple[int, int]) -> Message:
        """All of curves that somebody else has measured.

        Args:
            points: done and in all.
        """
        self.finished, self._points = True, points
        several = self._several
        self._rows = [None] * sum(len(several.lines(curve)) for curve in several.curves)
        self._curves = [{"state": "waiting"} for _ in several.curves]
        self._changed_rows()
        return {"curves": self._curves, "ranking": self._ranking, "rows": self._rows, **self._standing()}

    def focus(self, strength: float) -> None:
        """Nothing: there is more than one dial."""

    @cached_property
    def _several(self) -> Several:
        experiment, lab = self._question.experiment, self._lab
        match self._question:
            case DialComparison(count=count):
                return Dials(experiment, lab, spaced_losses(experiment, lab, count))
            case InterventionComparison(redosed=redosed):
                return Interventions(contenders(experiment), lab, redosed=redosed)
            case PhaseMap(part=part, strengths=strengths):
                return Map(experiment, lab, part, strengths)

    @cached_property
    def _steps(self) -> Iterator[tuple[int, int]]:
        return self._several.steps()

    # ---- what is told ------------------------------------------------------------------------------------------------

    def _standing(self) -> Message:
        """How far it is, and what all curves have in common."""
        done, total = self._points
        sweeps = [curve.sweep for curve in self._several.curves if curve.sweep]
        begun = next((sweep for sweep in sweeps if sweep.row(0)), None)
        origin = begun and begun.row(0)
        asked = self._question.experiment
        return {
            "status": "done" if self.finished else "running",
            "progress": {"done": done, "total": total, "seconds": round(self._seconds, 2)},
            "sampling": next((each.sampling for each in self._several.curves if each.sampling is not None), None),
            "reference": {
                "degraded_loss": origin and origin.degraded_loss,
                "chance": begun and begun.criteria.chance,
                "margin": begun and begun.margin,
                "retention_min": asked.retention_min,
                "alpha": asked.level,
            },
        }

    def _changed_rows(self) -> Message:
        """The rows that changed, by index; what is told of their curves is renewed with them."""
        news: Message = {}
        width = len(self._rows) // len(self._several.curves)
        finished = False
        for number, curve in enumerate(self._several.curves):
            if self._curves[number]["state"] == "done":
                continue  # to analyse what is finished takes a while, and nothing changes in it
            known = len(news)
            for place, line in enumerate(self._several.lines(curve)):
                index = number * width + place
                row = line and {**dict.fromkeys(COLUMNS), **line, "index": index, "curve": number, "place": place}
                if row != self._rows[index]:
                    self._rows[index] = news[str(index)] = row
            if len(news) > known or curve.state != self._curves[number]["state"]:
                self._curves[number] = self._told(number, curve)
                finished = finished or curve.state == "done"
        if finished:
            self._rank()
        return news

    def _told(self, number: int, curve: Curve) -> Message:
        told = {
            "name": curve.title,
            "index": number,
            "state": curve.state,
            "experiment": curve.experiment.model_dump(mode="json"),
            "note": curve.note,
            **dict.fromkeys((*CURVE, "tone", "headline", "detail", "frontier", "frontier_label", "selectivity_gain")),
            **curve.about,
        }
        lines = [line for line in self._several.lines(curve) if line]
        if curve.sweep is None or not lines:
            return told
        said = answer(curve.experiment, curve.sweep.analysis(), curve.sweep.finished)
        (best,) = ranked(framed(lines, self._several.names)).to_dict("records")
        return {
            **told,
            **{name: lines[0].get(name) for name in CURVE},
            "tone": said.tone,
            "headline": said.headline,
            "detail": said.detail,
            # why there is no regime, where nothing else is to be noted
            "note": told["note"] or (said.detail if curve.sweep.finished and said.tone != "clean" else ""),
            "frontier": best["frontier"],
            "frontier_label": None if pd.isna(best["label"]) else best["label"],
            "selectivity_gain": best["selectivity_gain"],
        }

    def _rank(self) -> None:
        """Orders the curves that are done."""
        done = {curve.title: number for number, curve in enumerate(self._several.curves) if curve.state == "done"}
        lines = [
            line
            for curve in self._several.curves
            if curve.state == "done"
            for line in self._several.lines(curve)
            if line
        ]
        if lines:
            order = ranked(framed(lines, self._several.names))
            self._ranking = [done[name] for name in order[order.columns[0]]]
