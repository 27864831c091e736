package tapmap.example;

import java.util.List;
import tapmap.v1.TapBinding;

/** What is printed of a binding. */
record BindingRecord(
    String name, String device, String netns, String verdict, List<HolderRecord> holders) {

  record HolderRecord(long pid, String comm) {}

  static BindingRecord of(TapBinding binding) {
    var netns = binding.getDevice().getNetns();
    return new BindingRecord(
        binding.getName(),
        binding.getDevice().getName(),
        netns.getPathsCount() > 0
            ? netns.getPaths(0)
            : "net:[" + Long.toUnsignedString(netns.getInode()) + "]",
        binding.getVerdict().name().replace("VERDICT_", ""),
        binding.getHoldersList().stream()
            .map(holder -> holder.getProcess())
            .map(it -> new HolderRecord(Integer.toUnsignedLong(it.getPid()), it.getComm()))
            .toList());
  }
}
