using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Paging;

/// <summary>
/// A leaf shadow PTE, gfn -> pfn, and beside it what only the checks know: the hva it was installed for, a number that no two
/// installations share, and when it was last handed to a TLB (readable, writable; 0 = surely in none). An SPTE holds no reference on the
/// page: the notifier contract alone keeps it valid.
/// </summary>
public struct Spte
{
    public int Pfn;
    public SpteFlags Flags;
    public long Hva;
    public uint Installation;
    public long HandedOut;
    public long HandedOutWritable;

    public readonly bool IsPresent => (Flags & SpteFlags.Present) != 0;
    public readonly bool IsWritable => (Flags & SpteFlags.Writable) != 0;
    public readonly bool IsMmuWritable => (Flags & SpteFlags.MmuWritable) != 0;
    public readonly bool IsAccessTracked => (Flags & SpteFlags.AccessTracked) != 0;
    public readonly Translation ToTranslation(Gfn gfn) => new(gfn, new Hva(Hva), new Pfn(Pfn), IsWritable);
}
