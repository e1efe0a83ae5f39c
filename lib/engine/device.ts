/** Why no graphics card computes where LAB_DEVICE asks for one. */

/** What can be seen of it from inside the process. */
export interface DeviceFacts {
  /** The shared libraries that the process has loaded: lines of `/proc/self/maps`. */
  libraries: string;
  /** The environment's CUDA_VISIBLE_DEVICES. */
  visible: string | undefined;
}

/**
 * The likeliest cause and its remedy, in one sentence. TensorFlow loads the driver's `libcuda`, then, where that begins, its `libnvidia-ml`;
 * CUDA's own libraries come from wheels, of which `libcudart` is always loaded.
 */
export function whyNoCard({libraries, visible}: DeviceFacts): string {
  const loaded = (name: string) => libraries.includes(`/${name}.so`);
  if (libraries.includes('/tensorflow-cpu-')) {
    return "the set-up has brought TensorFlow's build for the CPU: run `LAB_DEVICE=gpu npm run setup`, then start the kernel again.";
  }
  if (!loaded('libcuda')) {
    return "the NVIDIA driver's libcuda.so.1 is not found: install the driver (in a container, start it with the card: `--gpus all`).";
  }
  if (visible !== undefined) {
    return `CUDA_VISIBLE_DEVICES is '${visible}', which leaves none of the cards that \`nvidia-smi -L\` lists: unset it.`;
  }
  if (!loaded('libnvidia-ml')) {
    return 'the NVIDIA driver does not begin, or its libnvidia-ml.so.1 is not found: `nvidia-smi` tells which (in a container, NVIDIA_DRIVER_CAPABILITIES must hold `compute,utility`).';
  }
  if (!loaded('libcudart')) {
    return "CUDA's libraries are missing: run `LAB_DEVICE=gpu npm run setup`, which brings them.";
  }
  return 'the driver tells of no card, or of none that this build can use: `nvidia-smi` must list it; compare its driver with what CUDA 12.9 asks for.';
}
