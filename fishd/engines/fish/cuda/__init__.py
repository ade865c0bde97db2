"""The GPU path: CUDA graphs, fused ops and their Triton kernels, async readback, the codec on its own stream.

Called by `load`; on a CPU `decode` and `codec` do the same work without it. It may not import the engine or
`voices`, and every take must come out as `decode.Decoder` decodes it.
"""
