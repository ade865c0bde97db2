"""The GPU path: CUDA graphs, fused ops and their Triton kernels, asynchronous readback, the codec on its
own stream.

Called by `load` and `engine`, whose CPU path is `decode` and `codec` alone. It may not import the engine or
voices, and every takes it decodes must equal those of `decode.Decoder`.
"""
