using Livebed.Kvm.Memslots;

namespace Livebed.Driver.Campaigns;

/// <summary>One kind of VM and how many of it there are.</summary>
public sealed record VmSettings
{
    public string Name { get; set; } = "";
    public int Count { get; set; } = 1;
    public int Vcpus { get; set; } = 1;
    public GuestSettings Guest { get; set; } = new();
    public ContentSettings Content { get; set; } = new();

    /// <summary>RAM is split evenly into so many memslots.</summary>
    public int Memslots { get; set; } = 1;

    /// <summary>Pages beside the RAM, which memslot updates plug, move and unplug.</summary>
    public int HotplugPages { get; set; }

    public DirtyLogMode DirtyLog { get; set; } = DirtyLogMode.Bitmap;

    /// <summary>Entries of each vCPU's dirty ring; a power of two.</summary>
    public int RingEntries { get; set; } = 4096;

    public int TlbEntries { get; set; } = 4096;

    /// <summary><c>MADV_MERGEABLE</c>: KSM may merge the VM's pages.</summary>
    public bool Mergeable { get; set; } = true;

    /// <summary>Pages of RAM of one such VM: those of its trace, or the synthetic guest's bytes per vCPU; without hot-plug.</summary>
    public long RamPages { get; set; }

    /// <summary>The name of the nth VM of this kind, from 0.</summary>
    public string NameOf(int index) => Count == 1 ? Name : FormattableString.Invariant($"{Name}-{index}");
}

/// <summary>What guests write: shares of pages with zeroes and with content repeated across VMs; the rest are unique tokens.</summary>
public sealed record ContentSettings
{
    public int ZeroPercent { get; set; } = 10;
    public int RepeatedPercent { get; set; } = 20;
}
