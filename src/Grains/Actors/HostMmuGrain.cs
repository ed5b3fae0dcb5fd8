using Livebed.Grains.Actors.Migrations;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Grains.Wire;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;
using Orleans.Concurrency;
using Orleans.Placement;

namespace Livebed.Grains.Actors;

/// <summary>
/// Adapter of a <see cref="HostMmu"/>: one for each host, never moved and never collected, because the machine's memory is in it. Events of
/// the driver are remembered by operation id, so a repeat after a time-out is harmless. After the death of its silo, calls reach a new
/// activation on another silo without the host: it owns nothing, and pages sent to it are lost.
/// </summary>
[Reentrant]
[LivebedPlacement]
[KeepAlive]
[Immovable(ImmovableKind.Any)]
internal sealed partial class HostMmuGrain(
    ActorSilo silo, LocalHosts localHosts, PageWire wire, LeaseTerms lease, ILeaseAuthority leaseAuthority) : Grain, IHostMmuGrain
{
    private const int CommandsRemembered = 4096;
    private const int LastReportsMax = 1_000;

    private readonly RememberedResults<HostEventResult> _commands = new(CommandsRemembered);
    private readonly Dictionary<string, VmGrainSubscriber> _subscribers = [];
    private readonly List<ActorReport> _lastReports = [];
    private HostConnections? _connections;
    private ActorJournal? _journal;
    private HostMmu? _host;
    private HostOwnership? _hostOwnership;
    private HostLease? _lease;

    private HostMmu Host => _host ?? throw new InvalidOperationException($"{this.GetPrimaryKeyString()} was not configured");

    private HostConnections Connections => _connections ??= new HostConnections(wire, GrainFactory, _journal!);

    public ValueTask ConfigureAsync(HostMessage host)
    {
        if (_host is not null) return ValueTask.CompletedTask;
        _journal = new ActorJournal(silo, this.GetPrimaryKeyString());
        _hostOwnership = new HostOwnership(_journal.World, host.Name, host.Mutant);
        _host = new HostMmu(_journal.World, host.Name, host.Frames, host.PageSize, host.Mutant)
        {
            Streams = { ContentPool = wire.Buffers, LinkBandwidth = host.LinkBandwidth },
        };

        if (lease.Microseconds > 0)
        {
            _lease = new HostLease(_journal.World, leaseAuthority, _host.Fence, lease.Microseconds);
            _journal.World.Start($"lease of {host.Name}", _lease.RunAsync);
        }

        // Guests beside the host reach its memory without a call, so there is news at any time.
        _journal.Join(Report);
        _journal.Begins();
        return ValueTask.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _lease?.End();
        return Task.CompletedTask;
    }

    public async ValueTask<StreamStatus> CreateAddressSpaceAsync(OperationMessage op, AddressSpaceSpec spec, bool refusesNonBlockable)
    {
        if (_host is null) return StreamStatus.Refused;
        if (Host.TryCreateAddressSpace(spec) is not { } mm) return StreamStatus.NoMemory;
        localHosts.Add(this.GetPrimaryKeyString(), spec.Id, mm.GuestMemory);
        if (refusesNonBlockable)
            await Host.Process(spec.Id).RegisterNotifierAsync(op.ToOperation(), new RefusingSubscriber($"device-{spec.Id}"));
        return StreamStatus.Ok;
    }

    public ValueTask<bool> FillAsync(long? left)
    {
        if (_host is null) return ValueTask.FromResult(false);
        if (left is { } pages) _host.Fill(pages);
        else _host.Relieve();
        return ValueTask.FromResult(_host.HasRoomFor((left ?? 0) + 1));
    }

    // A host whose silo has just come back holds nothing, and is asked for what it held before.
    public ValueTask<HostEventResult> RunEventAsync(OperationMessage op, HostEvent memoryEvent) => _host is null
        ? ValueTask.FromResult(HostEventResult.NoAddressSpace)
        : CommandAsync(op, operation => Host.RunEventAsync(operation, memoryEvent), memoryEvent.Range.ToString());

    public ValueTask<HostEventResult> OpenRangeAsync(OperationMessage op, HostEvent memoryEvent) => _host is null
        ? ValueTask.FromResult(HostEventResult.NoAddressSpace)
        : Host.OpenRangeAsync(op.ToOperation(), memoryEvent);

    public ValueTask<HostEventResult> CloseRangeAsync(OperationMessage op) => _host is null
        ? ValueTask.FromResult(HostEventResult.NoAddressSpace)
        : Host.CloseRangeAsync(op.ToOperation());

    public async ValueTask ExitAddressSpaceAsync(OperationMessage op, int addressSpace)
    {
        if (_host is null) return;
        using var scope = _journal!.Observer.Enter(op.ToOperation());
        await Host.Process(addressSpace).ExitAsync(op.ToOperation());
        localHosts.Remove(this.GetPrimaryKeyString(), addressSpace);
        Connections.Exit(addressSpace);
    }

    public ValueTask<ActorReport> InspectAsync(long measuredFrom) => ValueTask.FromResult(Report(measuredFrom));

    private ActorReport Report(long measuredFrom)
    {
        var counters = new ActorCounters { Host = Host.Counters.Read(), Ksm = Host.Ksm.Counters, Usage = Host.Usage };
        var report = _journal!.Report(counters, [Host.Locks], Host.Locks.Waits(), Host.LiveOperations, measuredFrom) with
        {
            LastOfOthers = [.. _lastReports],
        };
        _lastReports.Clear();
        return report;
    }

    public ValueTask<FaultExplanation> ExplainFaultAsync(long fault) =>
        ValueTask.FromResult(_journal?.Observer.Explain(new OperationId(fault)) ?? FaultExplanation.None);

    public ValueTask KeepLastReportsAsync(IReadOnlyList<ActorReport> reports)
    {
        if (_lastReports.Count + reports.Count <= LastReportsMax) _lastReports.AddRange(reports);
        else _journal?.Failed(new InvalidOperationException($"{LastReportsMax} last reports wait and no driver asks for them"));
        return ValueTask.CompletedTask;
    }

    private async ValueTask<HostEventResult> CommandAsync(
        OperationMessage op, Func<Operation, ValueTask<HostEventResult>> command, string what) =>
        await _commands.GetOrStart(new OperationId(op.OperationId), () =>
        {
            var operation = op.ToOperation();
            return _journal!.RunAsync(operation, () => command(operation), result => (
                result.Status is HostEventStatus.Done or HostEventStatus.NothingToDo ? "ok" : "fail",
                $"{what}: {result.Status}, {result.Pages} pages"));
        });
}
