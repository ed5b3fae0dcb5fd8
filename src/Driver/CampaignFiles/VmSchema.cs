using Livebed.Driver.Campaigns;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.World;

namespace Livebed.Driver.CampaignFiles;

/// <summary>The keys of one item of a campaign's <c>vms</c>; a part of <see cref="CampaignSchema"/>.</summary>
internal static class VmSchema
{
    private static readonly (Func<GuestSettings, bool>, string) _replays =
        (guest => guest.ReplaysTrace, "belongs to a guest that replays a trace, and this one is synthetic");

    private static readonly (Func<GuestSettings, bool>, string) _synthetic =
        (guest => !guest.ReplaysTrace, "belongs to a synthetic guest, and this one replays a trace");

    private static readonly Section<GuestSettings> _guest = new(
        () => new(),
        new ValueKey<GuestSettings, string>(
            "trace", ValueKinds.Text("the path of a dirty-page trace", 4096), g => g.Trace, (g, v) => g.Trace = v,
            "recorded trace to replay; looked for beside the campaign, in the current folder, and beside the shipped campaigns")
        { DefaultText = "none: a synthetic guest", Condition = _replays },
        new ValueKey<GuestSettings, bool>("populate", ValueKinds.Flag(), g => g.Populate, (g, v) => g.Populate = v,
            "every page of RAM is written once, as fast as it goes, before the guest's program begins"),
        new ValueKey<GuestSettings, double>("speed", ValueKinds.Number("factor", 0.001, 1_000), g => g.Speed, (g, v) => g.Speed = v,
            "how many times as fast as recorded")
        { Condition = _replays },
        new ValueKey<GuestSettings, int>(
            "readPercent", ValueKinds.Integer("percent", 0, 99), g => g.ReadPercent, (g, v) => g.ReadPercent = v,
            "accesses that read back what was written; the trace has writes only")
        { Condition = _replays },
        new ValueKey<GuestSettings, long>("bytesPerVcpu", ValueKinds.Size(64, 64L << 30), g => g.BytesPerVcpu, (g, v) => g.BytesPerVcpu = v,
            "RAM of the VM divided by its vCPUs (`-b`)")
        { Condition = _synthetic },
        new ValueKey<GuestSettings, int>("writePercent", ValueKinds.Percent(), g => g.WritePercent, (g, v) => g.WritePercent = v,
            "accesses that write (`-w`)")
        { Condition = _synthetic },
        new ValueKey<GuestSettings, AccessOrder>("order", ValueKinds.Enum<AccessOrder>(), g => g.Order, (g, v) => g.Order = v,
            "pages in random order (`-a`) or one after the other")
        { Condition = _synthetic },
        new ValueKey<GuestSettings, AccessLayout>("access", ValueKinds.Enum<AccessLayout>(), g => g.Access, (g, v) => g.Access = v,
            "each vCPU its own part of the RAM, or all of it (`-o`)")
        { Condition = _synthetic },
        new ValueKey<GuestSettings, int>("stride", ValueKinds.Integer("pages", 1, 1_000_000), g => g.Stride, (g, v) => g.Stride = v,
            "from one sequential access to the next")
        { Condition = _synthetic },
        new ValueKey<GuestSettings, int>("rate", ValueKinds.Integer("per second", 0, 1_000_000_000), g => g.Rate, (g, v) => g.Rate = v,
            "accesses of each vCPU; 0 is as fast as possible")
        { Condition = _synthetic });

    private static readonly Section<ContentSettings> _content = new(
        () => new(),
        new ValueKey<ContentSettings, int>(
            "zeroPercent", ValueKinds.Percent(), c => c.ZeroPercent, (c, v) => c.ZeroPercent = v, "pages that hold zeroes"),
        new ValueKey<ContentSettings, int>("repeatedPercent", ValueKinds.Percent(), c => c.RepeatedPercent, (c, v) => c.RepeatedPercent = v,
            "pages whose content other VMs repeat, for KSM; the rest hold unique tokens"));

    public static Section<VmSettings> Vm { get; } = new(
        () => new(),
        new ValueKey<VmSettings, string>(
            "name", ValueKinds.Name(), s => s.Name, (s, v) => s.Name = v, "names the VM in results; with a count, `-0`, `-1` … follow")
        { DefaultText = "`vm` and its number" },
        new ValueKey<VmSettings, int>(
            "count", ValueKinds.Integer("VMs", 1, CampaignSchema.VmsMax), s => s.Count, (s, v) => s.Count = v, "how many of this kind"),
        new ValueKey<VmSettings, int>(
            "vcpus", ValueKinds.Integer("vCPUs", 1, OperationId.VcpusMax), s => s.Vcpus, (s, v) => s.Vcpus = v, "vCPUs of each"),
        new SectionKey<VmSettings, GuestSettings>("guest", _guest, s => s.Guest),
        new SectionKey<VmSettings, ContentSettings>("content", _content, s => s.Content),
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
        new ValueKey<VmSettings, int>(
            "tlbEntries", ValueKinds.PowerOfTwo("entries", 16, 1_048_576), s => s.TlbEntries, (s, v) => s.TlbEntries = v,
            "TLB of each vCPU"),
        new ValueKey<VmSettings, bool>("mergeable", ValueKinds.Flag(), s => s.Mergeable, (s, v) => s.Mergeable = v, "`MADV_MERGEABLE`: "
            + "KSM may merge its pages"));
}
