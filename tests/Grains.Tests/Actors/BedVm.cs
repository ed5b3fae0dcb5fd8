using Livebed.Kvm.Host.Events;
using Livebed.Grains.Actors;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>A VM of a test with a synthetic guest, on a host of its own, and what a driver does with it.</summary>
internal sealed class BedVm
{
    private readonly ActorBed _bed;
    private readonly VmPlan _plan;
    private readonly int _ordinal;
    private readonly int _host;

    public BedVm(ActorBed bed, VmPlan plan, int host, int ordinal, string? name = null)
    {
        _bed = bed;
        _plan = plan;
        _ordinal = ordinal;
        _host = host;
        Name = name ?? $"vm-{ordinal}";
        HostKey = ActorKeys.Host(host);
        Key = ActorKeys.Vm(ordinal, 0, host);
        Grain = bed.Grains.GetGrain<IVmGrain>(Key);
        Host = bed.Grains.GetGrain<IHostMmuGrain>(HostKey);
    }

    public string Key { get; }

    /// <summary>What the inventory calls it, wherever it is.</summary>
    public string Name { get; }
    public string HostKey { get; }
    public IVmGrain Grain { get; }
    public IHostMmuGrain Host { get; }

    /// <summary>What its host owns.</summary>
    public IHostOwnershipGrain Ownership => Host.AsReference<IHostOwnershipGrain>();
    public int AddressSpaceId => _ordinal;
    public HvaRange Ram => new(VmLayout.RamHva, _plan.RamPages);

    public string VcpuKey(int index) => ActorKeys.Vcpu(Key, index);

    public IVcpuGrain Vcpu(int index) => _bed.Grains.GetGrain<IVcpuGrain>(VcpuKey(index));

    /// <summary>As the driver does it: again, while the activation is one that is going away.</summary>
    public async Task CreateAsync()
    {
        var op = _bed.Next(OperationKind.VmCreate);
        Assert.True(await ActorStart.TryAsync(() => Grain.CreateAsync(op, Message())), "the activation kept going away");
    }

    public async Task<bool> ContAsync() => await Grain.ContAsync(_bed.Next(OperationKind.VmCreate));

    public async Task<HostEventResult> HostEventAsync(HostEventKind kind, HvaRange range) =>
        await Host.RunEventAsync(_bed.Next(kind), new HostEvent(kind, _ordinal, range) { ChildMicroseconds = 1_000, Inner = range.Start });

    public async Task<MemslotResult> SetHotplugAsync(OperationKind kind, Gfn gfn, long pages) =>
        await Grain.SetMemslotAsync(_bed.Next(kind), Hotplug(gfn, pages));

    public static MemslotChange Hotplug(Gfn gfn, long pages) =>
        new(VmLayout.HotplugSlotId, gfn, pages, VmLayout.HotplugHva, MemslotFlags.None);

    public async Task<long> DirtyLogAsync(DirtyLogStep step) => await Grain.DirtyLogAsync(_bed.Next(KindOf(step)), step);

    public async Task<IReadOnlyList<ActorReport>> DestroyAsync(TeardownOrder order = TeardownOrder.VmFirst)
    {
        var last = await Grain.DestroyAsync(_bed.Next(OperationKind.VmDestroy), order);
        _bed.Take(last);
        return last;
    }

    /// <summary>Reports of host, VM and vCPUs, and of those that went away there by themselves; none may tell of a violation or a
    /// failure.</summary>
    public async Task<IReadOnlyList<ActorReport>> InspectAsync()
    {
        var host = await InspectHostAsync();
        var vm = await Grain.InspectAsync(settled: false);
        return [host, .. Taken(vm)];
    }

    /// <summary>A counter, summed over host, VM and vCPUs.</summary>
    public async Task<long> CountAsync(Func<ActorCounters, long?> read) =>
        (await InspectAsync()).Sum(report => read(report.Counters) ?? 0);

    /// <summary>Returns when every vCPU has made progress since the call.</summary>
    public async Task RunsOnAsync()
    {
        var before = await CountAsync(counters => counters.Vcpu?.Accesses);
        await Until.HoldsAsync(
            () => CountAsync(counters => counters.Vcpu?.Accesses), now => now >= before + _plan.RamPages, "guest progress");
    }

    /// <summary>What must be left of a VM: nothing, at its host and on the silos.</summary>
    public async Task LeavesNothingAsync()
    {
        Assert.Equal(default(HostUsage), (await InspectHostAsync()).Counters.Usage);
        await LeavesNoActivationAsync();
    }

    /// <summary>As <see cref="LeavesNothingAsync"/>, for an end that was not ordered.</summary>
    public async Task ComesToNothingAsync()
    {
        await Until.HoldsAsync(
            async () => (await InspectHostAsync()).Counters.Usage, used => used == default(HostUsage), $"the end of {Key} by itself");
        await LeavesNoActivationAsync();
    }

    public async Task LeavesNoActivationAsync() =>
        await Until.HoldsAsync(() => _bed.ActivationsOfAsync(Key), left => left.Length == 0, $"the end of {Key}'s activations");

    /// <summary>The same VM, as it will be on the host of <paramref name="other"/>.</summary>
    public BedVm On(BedVm other) => new(_bed, _plan, other._host, _bed.NextVm(), Name);

    /// <summary>Another VM like this one on the same host, not made yet.</summary>
    public BedVm Beside() => new(_bed, _plan, _host, _bed.NextVm());

    /// <summary>The order to move to where <paramref name="to"/> is not made yet.</summary>
    public MigrationRequest RequestTo(BedVm to, MigrationParameters? parameters = null) => new(
        new MigrationSetup(
            to._ordinal, Name, 0, HostKey, to.HostKey, to.AddressSpaceId,
            [Ram, new HvaRange(VmLayout.HotplugHva, VmPlan.HotplugPages)], ActorBed.PageSize),
        parameters
            ?? new MigrationParameters
            {
                DowntimeLimitMicroseconds = 20_000,
                BatchPages = 64,
                RoundsMax = 50,
                TimeoutAction = TimeoutAction.Suspend,
            },
        to.Key, to.Message());

    /// <summary>Moves the VM to where <paramref name="to"/> is not made yet.</summary>
    public async Task<MigrationOutcome> MigrateAsync(BedVm to, MigrationParameters? parameters = null)
    {
        var outcome = await Grain.MigrateAsync(_bed.Next(OperationKind.Migration), RequestTo(to, parameters));
        Taken(outcome.LastReports);
        return outcome;
    }

    public async Task<CancelCase> CancelMigrationAsync() => await Grain.CancelMigrationAsync(_bed.Next(OperationKind.Migration));

    /// <summary>Returns when the VM's migration is in this status.</summary>
    public async Task MigratesAsync(MigrationStatus status) =>
        await Until.HoldsAsync(
            async () => await Grain.MigrationInfoAsync(), info => info?.Status == status, $"a migration that is {status}");

    private async Task<ActorReport> InspectHostAsync()
    {
        var host = await Host.InspectAsync();
        Taken([host, .. host.LastOfOthers]);
        return host;
    }

    private IReadOnlyList<ActorReport> Taken(IReadOnlyList<ActorReport> reports)
    {
        _bed.Take(reports);
        Assert.All(reports, report => Assert.Empty(report.Violations));
        Assert.All(reports, report => Assert.Null(report.Failure));
        return reports;
    }

    private static OperationKind KindOf(DirtyLogStep step) => step switch
    {
        DirtyLogStep.Enable => OperationKind.DirtyLogEnable,
        DirtyLogStep.Verify => OperationKind.DirtyLogVerify,
        DirtyLogStep.Disable => OperationKind.DirtyLogDisable,
        _ => OperationKind.DirtyLogGet,
    };

    public VmMessage Message() => new(
        new VmOptions(Key, _ordinal, _plan.Protocol, _plan.Mutant, DirtyLog: _plan.DirtyLog, RingEntries: 128)
        {
            StartsStopped = _plan.StartsStopped,
        },
        HostKey, _ordinal, _plan.Vcpus, _plan.RamPages, VmPlan.Memslots,
        VmPlan.HotplugPages, ActorBed.PageSize, ScratchPages: 16, Mergeable: true, TlbEntries: 64, FaultRetriesMax: 1_000_000, Seed: 11,
        new SyntheticGuestSpec(
            (long)_plan.PagesPerVcpu * ActorBed.PageSize, WritePercent: 60, AccessesPerSecond: _plan.AccessesPerSecond,
            ExtraRange: new GfnRange(VmLayout.HotplugGfn, VmPlan.HotplugPages), ExtraPercent: 10, RepeatedPercent: _plan.RepeatedPercent),
        RefusesNonBlockable: false);
}
