using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Host;

/// <summary>
/// <c>struct page</c> of one frame. <c>RefCount</c> is the kernel's: mappings are counted in it too, so that
/// <c>RefCount - MapCount</c> is what somebody holds by other means (GUP, isolation). The owner is the last mapper, for messages only. There is one for each frame of a host, so words are
/// shared as in the kernel: bit 0 beside the owner's address says KSM (<c>PAGE_MAPPING_KSM</c> in <c>page->mapping</c>), and a free frame has no owner but a successor in the free list.
/// </summary>
internal struct Frame
{
    public int Generation;
    public int RefCount;
    public int MapCount;
    public int OwnerId;
    private long _mapping;

    public long OwnerHva
    {
        readonly get => _mapping >> 1;
        set => _mapping = (value << 1) | (_mapping & 1);
    }

    public bool IsKsm
    {
        readonly get => (_mapping & 1) != 0;
        set => _mapping = (_mapping & ~1L) | (value ? 1L : 0);
    }

    /// <summary>Of a free frame only; None at the end of the list.</summary>
    public Pfn NextFree
    {
        readonly get => new((int)(_mapping >> 1));
        set => _mapping = (long)value.Value << 1;
    }
}
