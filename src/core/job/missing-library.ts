/** What the loader of Linux says when a library that another one needs is not there, and the package that brings it. */

/** By the beginning of a library's name; each is a package of pip and, but for the driver, a part of CUDA 12 or cuDNN 9. */
const packages: readonly (readonly [prefix: string, name: string])[] = [
  ['libcudnn', 'nvidia-cudnn-cu12'],
  ['libcublas', 'nvidia-cublas-cu12'],
  ['libcufft', 'nvidia-cufft-cu12'],
  ['libcurand', 'nvidia-curand-cu12'],
  ['libcudart', 'nvidia-cuda-runtime-cu12'],
  ['libnvrtc', 'nvidia-cuda-nvrtc-cu12'],
  ['libnvJitLink', 'nvidia-nvjitlink-cu12'],
  ['libcuda.', "NVIDIA's driver"],
]

export type MissingLibrary = { readonly library: string; readonly from: string }

/** The library that an error text says is missing, or null where it says something else. */
export function missingLibrary(text: string): MissingLibrary | null {
  const library = /([\w.+-]{1,128}\.so[\w.]{0,32}): cannot open shared object file/.exec(text)?.[1]
  if (library === undefined) return null
  return { library, from: packages.find(([prefix]) => library.startsWith(prefix))?.[1] ?? 'CUDA 12 or cuDNN 9' }
}
