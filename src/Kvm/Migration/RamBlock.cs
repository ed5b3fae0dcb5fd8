using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// QEMU's <c>RAMBlock</c> with its <c>bmap</c>: guest memory in one area of the process, and the pages of which the destination lacks the
/// newest copy, as far as user space knows.
/// </summary>
/// <param name="log">the place of the VM's dirty log</param>
/// <param name="range">memory of the process</param>
internal sealed class RamBlock(Place log, HvaRange range)
{
    public HvaRange Range => range;

    public TrackedPageSet Dirty { get; } = new(new PlaceTable(log), range);

    /// <summary>The first dirty word becomes clean: what a mutant loses. A whole word, since a single page may have been written just
    /// before it was read, and then nothing is lost.</summary>
    public void LoseFirst()
    {
        var from = 0L;
        Dirty.TakeNext(ref from, PageSet.PagesPerWord);
    }
}
