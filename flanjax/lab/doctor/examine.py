"""Makes the checks of a patient, one after the other."""

import time
from collections.abc import Callable, Sequence

from flanjax.check.findings import Finding
from flanjax.lab.doctor.checks import CHECKS, Check
from flanjax.lab.doctor.outcome import FAILED, NOT_CHECKED, PASSED, NotChecked, Outcome, Result
from flanjax.lab.doctor.patient import Patient
from flanjax.names import nearest

Progress = Callable[[int, int, str], None]  # checks that are done, of how many, and the next one's name


def examine(patient: Patient, only: Sequence[str] = (), progress: Progress = lambda done, of, name: None) -> list[Result]:
    """Returns the results of the checks, all of them or those that are named. A check that breaks off has failed.

    Raises:
      ValueError: there is no check of a name.
    """
    chosen, results = checks_named(only), []
    for done, check in enumerate(chosen):
        progress(done, len(chosen), check.name)
        results.append(_made(check, patient))
    return results


def checks_named(only: Sequence[str]) -> list[Check]:
    """Returns the checks of these names, all if there are none. Raises ValueError if there is no check of a name."""
    known = {check.name: check for check in CHECKS}
    for name in only:
        if name not in known:
            raise ValueError(f"no check {name!r}; {nearest(name, known)}")
    return [check for check in CHECKS if not only or check.name in only]


def _made(check: Check, patient: Patient) -> Result:
    began = time.perf_counter()
    try:
        outcome = check.function(patient)
        status = FAILED if outcome.findings else PASSED
    except NotChecked as reason:
        outcome, status = Outcome(f"not checked: {reason}"), NOT_CHECKED
    except Exception as error:  # whatever is wrong with a part of the run, the others can be looked at
        said = f"the check broke off: {type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}"
        outcome, status = Outcome(said, (Finding(kind=check.name, task="", detail=said),)), FAILED
    return Result(check.name, check.holds, status, outcome, time.perf_counter() - began)
