using Livebed.Driver.CampaignKeys;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

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

    /// <summary>Whose KVM the VM has.</summary>
    public KvmArchitecture Architecture { get; set; }

    public int TlbEntries { get; set; } = 4096;

    /// <summary><c>kvm_ad_enabled</c>; see <see cref="Kvm.Vms.VmOptions.HasAccessedBits"/>.</summary>
    public bool AccessedBits { get; set; } = true;

    /// <summary><c>MADV_MERGEABLE</c>: KSM may merge the VM's pages.</summary>
    public bool Mergeable { get; set; } = true;

    /// <summary>Pages of RAM of one such VM: those of its trace, or the synthetic guest's bytes per vCPU; without hot-plug.</summary>
    public long RamPages { get; set; }

    /// <summary>The name of the nth VM of this kind, from 0.</summary>
    public string NameOf(int index) => Count == 1 ? Name : FormattableString.Invariant($"{Name}-{index}");

    internal static Section<VmSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<VmSettings, string>(
            "name", ValueKinds.Name(), s => s.Name, (s, v) => s.Name = v, "names the VM in results; with a count, `-0`, `-1` … follow")
        { DefaultText = "`vm` and its number" },
        new ValueKey<VmSettings, int>(
            "count", ValueKinds.Integer("VMs", 1, Campaign.VmsMax), s => s.Count, (s, v) => s.Count = v, "how many of this kind"),
        new ValueKey<VmSettings, int>(
            "vcpus", ValueKinds.Integer("vCPUs", 1, OperationId.VcpusMax), s => s.Vcpus, (s, v) => s.Vcpus = v, "vCPUs of each"),
        new SectionKey<VmSettings, GuestSettings>("guest", GuestSettings.Keys, s => s.Guest),
        new SectionKey<VmSettings, ContentSettings>("content", ContentSettings.Keys, s => s.Content),
        new ValueKey<VmSettings, int>(
            "memslots", ValueKinds.Integer("memslots", 1, 512), s => s.Memslots, (s, v) => s.Memslots = v,
            "RAM is split evenly into so many"),
        new ValueKey<VmSettings, int>(
            "hotplugPages", ValueKinds.Integer("pages", 0, 10_000_000), s => s.HotplugPages, (s, v) => s.HotplugPages = v,
            "memory beside the RAM that memslot updates plug, move and unplug"),
        new ValueKey<VmSettings, DirtyLogMode>("dirtyLog", ValueKinds.Enum<DirtyLogMode>(), s => s.DirtyLog, (s, v) => s.DirtyLog = v,
            "how writes are logged: bitmap, manual protect, manual with all pages set at first, ring"),
        new ValueKey<VmSettings, int>(
            "ringEntries", ValueKinds.PowerOfTwo("entries", 128, 65_536), s => s.RingEntries, (s, v) => s.RingEntries = v,
            "dirty ring of each vCPU, where `dirtyLog` is `ring`"),
        new ValueKey<VmSettings, KvmArchitecture>(
            "architecture", ValueKinds.Enum<KvmArchitecture>(), s => s.Architecture, (s, v) => s.Architecture = v,
            "whose KVM it is: arm64 has a bitmap beside rings, of what is written without a vCPU; x86 has none"),
        new ValueKey<VmSettings, int>(
            "tlbEntries", ValueKinds.PowerOfTwo("entries", 16, 1_048_576), s => s.TlbEntries, (s, v) => s.TlbEntries = v,
            "TLB of each vCPU"),
        new ValueKey<VmSettings, bool>("accessedBits", ValueKinds.Flag(), s => s.AccessedBits, (s, v) => s.AccessedBits = v,
            "SPTEs have accessed bits (`kvm_ad_enabled`); without them ageing makes SPTEs inaccessible"),
        new ValueKey<VmSettings, bool>("mergeable", ValueKinds.Flag(), s => s.Mergeable, (s, v) => s.Mergeable = v, "`MADV_MERGEABLE`: "
            + "KSM may merge its pages"));
}

/// <summary>What guests write: shares of pages with zeroes and with content repeated across VMs; the rest are unique tokens.</summary>
public sealed record ContentSettings
{
    public int ZeroPercent { get; set; } = 10;
    public int RepeatedPercent { get; set; } = 20;

    internal static Section<ContentSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<ContentSettings, int>(
            "zeroPercent", ValueKinds.Percent(), c => c.ZeroPercent, (c, v) => c.ZeroPercent = v, "pages that hold zeroes"),
        new ValueKey<ContentSettings, int>("repeatedPercent", ValueKinds.Percent(), c => c.RepeatedPercent, (c, v) => c.RepeatedPercent = v,
            "pages whose content other VMs repeat, for KSM; the rest hold unique tokens"));
}
