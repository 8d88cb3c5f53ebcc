import { describe, expect, it } from 'vitest'
import { sessionRefusal } from '../../../src/core/job/execution-provider.ts'
import { missingLibrary } from '../../../src/core/job/missing-library.ts'

/** As ONNX Runtime says it; the paths are made up. */
const failed = (library: string) =>
  '/onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:1848 ' +
  'onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library ' +
  `/srv/node_modules/libonnxruntime_providers_cuda.so with error: ${library}: cannot open shared object file: No such file or directory\n`

describe('missingLibrary', () => {
  it.each([
    ['libcublasLt.so.12', 'nvidia-cublas-cu12'],
    ['libcublas.so.12', 'nvidia-cublas-cu12'],
    ['libcudnn.so.9', 'nvidia-cudnn-cu12'],
    ['libcudnn_graph.so.9', 'nvidia-cudnn-cu12'],
    ['libcufft.so.11', 'nvidia-cufft-cu12'],
    ['libcurand.so.10', 'nvidia-curand-cu12'],
    ['libcudart.so.12', 'nvidia-cuda-runtime-cu12'],
    ['libnvrtc.so.12', 'nvidia-cuda-nvrtc-cu12'],
    ['libcuda.so.1', "NVIDIA's driver"],
    ['libstdc++.so.6', 'CUDA 12 or cuDNN 9'],
  ])('the missing library %s is found in a message', (library, from) => {
    expect(missingLibrary(failed(library))).toEqual({ library, from })
  })

  it('no missing library is found in a message about something else', () => {
    for (const text of ['', 'CUDA failure 100: no CUDA-capable device is detected', 'cannot open shared object file'])
      expect(missingLibrary(text)).toBeNull()
  })
})

describe('sessionRefusal', () => {
  it('the refusal of a session names the library that CUDA lacks, the package, and the fix', () => {
    const refusal = sessionRefusal('cuda', new Error(failed('libcublasLt.so.12')))
    expect(refusal).toMatchObject({ code: 'JOB_CUDA_LIBRARY_NOT_FOUND', exit: 3 })
    expect(refusal.message).toContain('libcublasLt.so.12 (nvidia-cublas-cu12)')
    expect(refusal.fix).toMatch(/setup-gpu.*pip.*LD_LIBRARY_PATH/)
  })

  it('the refusal of a session is the first line of any other message, and of other providers', () => {
    const none = new Error('CUDA failure 100: no CUDA-capable device is detected\n  at line 5')
    expect(sessionRefusal('cuda', none)).toMatchObject({
      code: 'JOB_PROVIDER_UNAVAILABLE',
      message: expect.stringMatching(/no CUDA-capable device is detected$/),
    })
    expect(sessionRefusal('webgpu', new Error(failed('libvulkan.so.1'))).code).toBe('JOB_PROVIDER_UNAVAILABLE')
  })
})
