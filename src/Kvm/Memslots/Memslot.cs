using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Memslots;

/// <summary>
/// <c>struct kvm_memory_slot</c>: gives gfn -> hva for a run of guest frames. An update makes another object, and the one that it replaces
/// is freed when the last reader that can know it has left its SRCU section; apart from that a slot never changes.
/// <paramref name="Instance"/> tells a slot from a later one with the same id. The bitmap is shared by all versions of one instance. A
/// version equals only itself. <paramref name="Lifetime"/> is the place of "it was freed".
/// </summary>
public sealed record Memslot(
    Place Lifetime, int Id, long Instance, Gfn BaseGfn, long Pages, Hva BaseHva, MemslotFlags Flags, DirtyBitmap? Bitmap)
{
    private Tracked<bool> _isFreed = new(Lifetime);

    /// <summary>Another version begins its own life.</summary>
    private Memslot(Memslot version)
    {
        (Lifetime, Id, Instance, BaseGfn) = (version.Lifetime, version.Id, version.Instance, version.BaseGfn);
        (Pages, BaseHva, Flags, Bitmap) = (version.Pages, version.BaseHva, version.Flags, version.Bitmap);
        _isFreed = new Tracked<bool>(Lifetime);
    }

    public GfnRange Gfns => new(BaseGfn, Pages);
    public HvaRange Hvas => new(BaseHva, Pages);
    public bool IsInvalid => (Flags & MemslotFlags.Invalid) != 0;
    public bool IsReadOnly => (Flags & MemslotFlags.ReadOnly) != 0;
    public bool LogsDirtyPages => (Flags & MemslotFlags.LogDirtyPages) != 0;

    /// <summary>The memory of this version was freed: any use from now on is a use after free (S8).</summary>
    public bool IsFreed => _isFreed.Value;

    /// <summary><c>kvm_free_memslot</c>, or the kfree of a version that was replaced; after the grace period.</summary>
    public void Free() => _isFreed.Value = true;

    /// <summary>It has logged its writes since that version of it was made, wherever the guest sees it.</summary>
    public bool ContinuesLogOf(Memslot known) =>
        LogsDirtyPages && Instance == known.Instance && ReferenceEquals(Bitmap, known.Bitmap);

    public bool Equals(Memslot? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => Instance.GetHashCode();

    /// <summary><c>__gfn_to_hva_memslot</c>; the gfn must lie in the slot.</summary>
    public Hva ToHva(Gfn gfn) => BaseHva + (gfn - BaseGfn);

    /// <summary><c>hva_to_gfn_memslot</c> for the part of the range that lies in the slot.</summary>
    public GfnRange ToGfns(HvaRange range)
    {
        var common = range.Intersect(Hvas);
        return common.IsEmpty ? new GfnRange(BaseGfn, 0) : new GfnRange(BaseGfn + (common.Start - BaseHva), common.Pages);
    }
}

[Flags]
public enum MemslotFlags
{
    None = 0,

    /// <summary><c>KVM_MEM_LOG_DIRTY_PAGES</c>.</summary>
    LogDirtyPages = 1,

    /// <summary><c>KVM_MEM_READONLY</c>: guest writes leave to user space.</summary>
    ReadOnly = 2,

    /// <summary><c>KVM_MEMSLOT_INVALID</c>: being deleted or moved. Faults retry, notifiers still zap it.</summary>
    Invalid = 1 << 16,
}
