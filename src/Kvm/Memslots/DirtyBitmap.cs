using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Memslots;

/// <summary>
/// A memslot's dirty bitmap as the kernel has it: pages of the slot, of which a word at a time is taken atomically, in memory that an
/// update of the slot frees. The slot's host addresses never change, so they name its pages.
/// </summary>
/// <param name="log">the place of the VM's dirty log</param>
/// <param name="slot">the memslot</param>
public sealed class DirtyBitmap(Place log, HvaRange slot)
{
    private Tracked<bool> _isFreed = new(log);

    /// <summary>Pages that were written since the bitmap was last read or cleared.</summary>
    public TrackedPageSet Pages { get; } = new(new PlaceTable(log), slot);

    /// <summary>A mark from now on is a write to freed memory (S8).</summary>
    public bool IsFreed => _isFreed.Value;

    /// <summary><c>kvm_destroy_dirty_bitmap</c>; after the grace period of the update that took it from its memslot.</summary>
    public void Free() => _isFreed.Value = true;

    /// <summary><c>xchg(&amp;bitmap[i], 0)</c>.</summary>
    public ulong TakeWord(int index) => Pages.TakeWord(index);

    /// <summary><c>atomic_long_fetch_andnot</c>: clears the given bits and returns those of them that were set.</summary>
    public ulong ClearWord(int index, ulong mask) => Pages.TakeWord(index, mask);
}

/// <summary>How a VM's user space tracks dirty pages.</summary>
public enum DirtyLogMode
{
    None,

    /// <summary>KVM_GET_DIRTY_LOG, which clears and re-protects.</summary>
    Bitmap,

    /// <summary>KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: get copies, KVM_CLEAR_DIRTY_LOG clears and re-protects.</summary>
    Manual,

    /// <summary>The same with KVM_DIRTY_LOG_INITIALLY_SET.</summary>
    InitiallySet,

    /// <summary>KVM_CAP_DIRTY_LOG_RING.</summary>
    Ring,
}
