"""What is used of lm-evaluation-harness, an optional package."""

try:
    from lm_eval.api.instance import Instance
    from lm_eval.api.model import TemplateLM
    from lm_eval.api.registry import register_model
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs, postprocess_generated_text
    from lm_eval.tasks import TaskManager
    from lm_eval.utils import get_rolling_token_windows, handle_non_serializable, make_disjoint_window, make_table
except ImportError as error:
    raise RuntimeError(
        f"flanjax lm-eval runs on lm-evaluation-harness, which cannot be imported ({error}): pip install flanjax[lm-eval]"
    ) from error

__all__ = [
    "Instance",
    "TaskManager",
    "TemplateLM",
    "get_rolling_token_windows",
    "handle_non_serializable",
    "handle_stop_sequences",
    "make_disjoint_window",
    "make_table",
    "normalize_gen_kwargs",
    "postprocess_generated_text",
    "register_model",
    "simple_evaluate",
]
