using Livebed.Driver.Campaigns;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Operations;

/// <summary>
/// Every source of a campaign's operations. A new one is a class with its entry here, and a section of <see cref="Campaign"/> with its
/// rate. A source that is more than a draw and a call has a file of its own. New ones go to the end: the place of a source among those that
/// are on decides its draws.
/// </summary>
internal sealed class OperationSources(
    Campaign campaign, Fleet fleet, ReportLedger reports, Supervisor supervisor, MigrationLedger migrations, OperationIds ids)
{
    /// <summary>The one that can end a run.</summary>
    public MigrationLoad Migrations { get; } = new(campaign, fleet, reports, supervisor, migrations, ids);

    /// <summary>Those that the campaign switches on.</summary>
    public IEnumerable<IOperationSource> Active => All().Where(source => source.Rate > 0);

    private IEnumerable<IOperationSource> All() =>
    [
        new HostEventSource(campaign, fleet),
        new KsmScanSource(campaign, fleet),
        new MemslotUpdateSource(campaign, fleet),
        new DirtyLogSource(campaign, fleet),
        new SoftwareWriteSource(campaign, fleet),
        new AuditSource(campaign, fleet),
        new TeardownSource(campaign, fleet, reports, supervisor, ids),
        Migrations,
        new DeviceWriteSource(campaign, fleet),
    ];
}

/// <summary>Audits: a VM's SPTEs against its host's page table.</summary>
internal sealed class AuditSource(Campaign campaign, Fleet fleet) : IOperationSource
{
    public string Name => OperationKind.Audit.Name;
    public double Rate => campaign.Audits.Rate;

    public PreparedOperation? Prepare(SeededRandom random)
    {
        if (fleet.Take(random, _ => true) is not { } slot) return null;
        var grain = slot.Grain;
        var key = slot.Key;
        return new PreparedOperation(
            OperationKind.Audit, async op => OperationResult.Of(true, $"{key}: {await grain.AuditAsync(op)} SPTEs"))
        {
            Subject = new(slot.Index),
        };
    }
}

/// <summary>ksmd: scans of every host.</summary>
internal sealed class KsmScanSource(Campaign campaign, Fleet fleet) : IOperationSource
{
    private readonly int[] _scanning = new int[fleet.Hosts.Count];

    public string Name => HostEventKind.KsmScan.Name;
    public double Rate => campaign.Ksm.Rate * campaign.Silos;

    public PreparedOperation? Prepare(SeededRandom random)
    {
        // ksmd is one thread: a host that still scans is not asked again.
        var hosts = fleet.Hosts;
        var index = random.Next(hosts.Count);
        if (Interlocked.Exchange(ref _scanning[index], 1) != 0) return null;
        var host = hosts[index];
        var scan = new HostEvent(HostEventKind.KsmScan, 0, new HvaRange(default, campaign.Ksm.PagesPerScan));
        return new PreparedOperation(HostEventKind.KsmScan, async op =>
        {
            var result = await host.RunEventAsync(op, scan);
            return OperationResult.Of(true, $"{result.Pages} pages");
        }, () => Volatile.Write(ref _scanning[index], 0));
    }
}

/// <summary>Writes of KVM itself into guest RAM.</summary>
internal sealed class SoftwareWriteSource(Campaign campaign, Fleet fleet) : IOperationSource
{
    public string Name => OperationKind.SoftwareWrite.Name;
    public double Rate => campaign.SoftwareWrites.Rate;

    public PreparedOperation? Prepare(SeededRandom random)
    {
        if (fleet.Take(random, _ => true) is not { } slot) return null;
        var gfn = VmLayout.RamGfn + random.Next(slot.Settings.RamPages);
        var grain = slot.Grain;
        var key = slot.Key;
        return new PreparedOperation(
            OperationKind.SoftwareWrite, async op => OperationResult.Of(await grain.SoftwareWriteAsync(op, gfn), $"{key} {gfn}"))
        {
            Subject = new(slot.Index, new GfnRange(gfn, 1)),
        };
    }
}

/// <summary>Requests that devices of user space answer by writing guest RAM.</summary>
internal sealed class DeviceWriteSource(Campaign campaign, Fleet fleet) : IOperationSource
{
    public string Name => OperationKind.DeviceWrite.Name;
    public double Rate => campaign.DeviceWrites.Rate;

    public PreparedOperation? Prepare(SeededRandom random)
    {
        if (fleet.Take(random, _ => true) is not { } slot) return null;
        var pages = (int)Math.Min(campaign.DeviceWrites.Pages, slot.Settings.RamPages);
        var first = VmLayout.RamGfn + random.Next(slot.Settings.RamPages - pages + 1);
        var grain = slot.Grain;
        var key = slot.Key;
        return new PreparedOperation(OperationKind.DeviceWrite, async op =>
        {
            var written = await grain.DeviceWriteAsync(op, first, pages);
            return OperationResult.Of(written > 0, $"{key} {first}: {written} pages");
        })
        {
            Subject = new(slot.Index, new GfnRange(first, pages)),
        };
    }
}
