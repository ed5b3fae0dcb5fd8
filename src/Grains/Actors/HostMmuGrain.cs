using System.Runtime.InteropServices;
using Livebed.Grains.Actors.Migrations;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Wire;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
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
internal sealed class HostMmuGrain(SiloTelemetry telemetry, ClusterWorldOptions options, LocalHosts localHosts, PageWire wire)
    : Grain, IHostMmuGrain
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

    private HostMmu Host => _host ?? throw new InvalidOperationException($"{this.GetPrimaryKeyString()} was not configured");

    private HostConnections Connections => _connections ??= new HostConnections(wire, GrainFactory, _journal!);

    public ValueTask ConfigureAsync(HostMessage host)
    {
        if (_host is not null) return ValueTask.CompletedTask;
        _journal = new ActorJournal(telemetry, this.GetPrimaryKeyString(), options);
        _hostOwnership = new HostOwnership(_journal.World, host.Name);
        _host = new HostMmu(_journal.World, host.Name, host.Frames, host.PageSize, host.Mutant)
        {
            Streams = { ContentPool = wire.Buffers, LinkBandwidth = host.LinkBandwidth },
        };
        return ValueTask.CompletedTask;
    }

    public async ValueTask<bool> CreateAddressSpaceAsync(OperationMessage op, AddressSpaceSpec spec, bool refusesNonBlockable)
    {
        if (_host is null) return false;
        var mm = Host.CreateAddressSpace(spec);
        localHosts.Add(this.GetPrimaryKeyString(), spec.Id, mm.GuestMemory);
        if (refusesNonBlockable)
            await Host.RegisterNotifierAsync(op.ToOperation(), spec.Id, new RefusingSubscriber($"device-{spec.Id}"));
        return true;
    }

    public ValueTask<HostEventResult> RunEventAsync(OperationMessage op, HostEvent memoryEvent) =>
        CommandAsync(op, operation => Host.RunEventAsync(operation, memoryEvent), memoryEvent.Range.ToString());

    public ValueTask<HostEventResult> OpenRangeAsync(OperationMessage op, HostEvent memoryEvent)
    {
        var operation = op.ToOperation();
        return Host.OpenRangeAsync(operation, memoryEvent);
    }

    public ValueTask<HostEventResult> CloseRangeAsync(OperationMessage op) => Host.CloseRangeAsync(op.ToOperation());

    public async ValueTask ExitAddressSpaceAsync(OperationMessage op, int addressSpace)
    {
        if (_host is null) return;
        using var scope = _journal!.Observer.Enter(op.ToOperation());
        await Host.ExitAddressSpaceAsync(op.ToOperation(), addressSpace);
        localHosts.Remove(this.GetPrimaryKeyString(), addressSpace);
        Connections.Exit(addressSpace);
    }

    public ValueTask<ActorReport> InspectAsync()
    {
        var counters = CounterReport.Of("host", Host.Counters);
        CounterReport.AddTo(counters, "ksm", Host.Ksm.Counters);
        CounterReport.AddTo(counters, "usage", Host.Usage);
        var report = _journal!.Report(counters, [Host.Locks], Host.Locks.Waits(), Host.LiveOperations) with
        {
            LastOfOthers = [.. _lastReports],
        };
        _lastReports.Clear();
        return ValueTask.FromResult(report);
    }

    public ValueTask KeepLastReportsAsync(IReadOnlyList<ActorReport> reports)
    {
        if (_lastReports.Count + reports.Count <= LastReportsMax) _lastReports.AddRange(reports);
        else _journal?.Failed(new InvalidOperationException($"{LastReportsMax} last reports wait and no driver asks for them"));
        return ValueTask.CompletedTask;
    }

    public async ValueTask<HostPageMessage> FaultInAsync(OperationMessage op, int addressSpace, long hva, bool write) =>
        HostPageMessage.From(await Host.FaultInAsync(op.ToOperation(), addressSpace, new Hva(hva), write));

    public ValueTask PutPageAsync(OperationMessage op, int addressSpace, int pfn)
    {
        Host.PutPage(new Pfn(pfn));
        return ValueTask.CompletedTask;
    }

    public ValueTask<bool> WriteUserAsync(OperationMessage op, int addressSpace, long hva, long gfn, ulong value) =>
        Host.WriteUserAsync(op.ToOperation(), addressSpace, new Hva(hva), value);

    public ValueTask<bool> RegisterNotifierAsync(OperationMessage op, int addressSpace, string vmKey, bool hasChangePte)
    {
        var subscriber = new VmGrainSubscriber(GrainFactory.GetGrain<IVmGrain>(vmKey), vmKey, hasChangePte);
        _subscribers[vmKey] = subscriber;
        return Host.RegisterNotifierAsync(op.ToOperation(), addressSpace, subscriber);
    }

    public async ValueTask UnregisterNotifierAsync(OperationMessage op, int addressSpace, string vmKey)
    {
        if (!_subscribers.TryGetValue(vmKey, out var subscriber)) return;
        await Host.UnregisterNotifierAsync(op.ToOperation(), addressSpace, subscriber);
        _subscribers.Remove(vmKey);
    }

    public ValueTask CopyPagesAsync(OperationMessage op, int addressSpace, PageSet pages)
    {
        Host.CopyPages(addressSpace, pages);
        return ValueTask.CompletedTask;
    }

    public ValueTask<long[]> ChangedSinceCopyAsync(OperationMessage op, int addressSpace, PageSet dirty) =>
        ValueTask.FromResult(Host.ChangedSinceCopy(addressSpace, dirty).Select(page => page.Value).ToArray());

    public ValueTask<int[]> AuditAsync(OperationMessage op, int addressSpace, ReadOnlyMemory<byte> sptes) =>
        ValueTask.FromResult(Host.AuditSptes(addressSpace, MemoryMarshal.Cast<byte, AuditedSpte>(sptes.Span)).ToArray());

    public ValueTask ExecuteAsync(int addressSpace, ReadOnlyMemory<byte> accesses)
    {
        // A vCPU outlives its address space by a moment when the process exits first; its accesses then reach nothing, as on a dead
        // machine.
        if (Host.Find(addressSpace) is not { } mm) return ValueTask.CompletedTask;
        var batch = MemoryMarshal.Cast<byte, GuestAccess>(accesses.Span).ToArray();
        return mm.GuestMemory.ExecuteAsync(batch);
    }

    public ValueTask OpenStreamAsync(
        OperationMessage op, int addressSpace, long stream, string destination, int destinationAddressSpace, StreamBandwidth bandwidth,
        MigrationFaults faults)
    {
        if (Host.Find(addressSpace) is not null)
            Host.Streams.Open(
                addressSpace, stream, destination, Connections.LinkOf(addressSpace, stream, destination, destinationAddressSpace, faults),
                bandwidth);
        return ValueTask.CompletedTask;
    }

    public async ValueTask CloseStreamAsync(OperationMessage op, int addressSpace, long stream)
    {
        await Host.Streams.CloseAsync(op.ToOperation(), addressSpace, stream);
        Connections.CloseLink(addressSpace, stream);
    }

    public ValueTask<SendResult> SendPagesAsync(OperationMessage op, int addressSpace, BatchMessage batch) =>
        Host.Streams.SendAsync(op.ToOperation(), addressSpace, batch.Header, batch.Pages);

    public ValueTask<PageEndpoint?> IncomingPagesAsync(int addressSpace) =>
        ValueTask.FromResult(
            _host?.Find(addressSpace) is null ? default(PageEndpoint?) : Connections.EndpointOf(addressSpace, _host.Streams));

    public ValueTask<PageSet> TakeDiscardedAsync(int addressSpace, HvaRange range) =>
        ValueTask.FromResult(Host.Streams.TakeDiscarded(addressSpace, range));

    public ValueTask FreezeAsync(OperationMessage op, int addressSpace, bool frozen) =>
        Host.Streams.FreezeAsync(op.ToOperation(), addressSpace, frozen);

    public async ValueTask<WordsMessage> ImageAsync(OperationMessage op, int addressSpace, HvaRange range) =>
        new(await Host.Streams.ImageAsync(op.ToOperation(), addressSpace, range));

    public ValueTask<WordsMessage> SaveOracleAsync(int addressSpace, HvaRange range) =>
        ValueTask.FromResult(new WordsMessage(Host.Streams.SaveOracle(addressSpace, range)));

    public ValueTask LoadOracleAsync(int addressSpace, HvaRange range, WordsMessage newest)
    {
        Host.Streams.LoadOracle(addressSpace, range, newest.Words.Span);
        return ValueTask.CompletedTask;
    }

    public ValueTask BeginIncomingAsync(int addressSpace, long stream, long epoch)
    {
        Host.Streams.BeginIncoming(addressSpace, stream, epoch);
        return ValueTask.CompletedTask;
    }

    public ValueTask<long> EnterPostcopyAsync(
        OperationMessage op, int addressSpace, long stream, PageSet[] discard, string vmKey, int vcpus) =>
        Host.Streams.EnterPostcopyAsync(
            op.ToOperation(), addressSpace, stream, discard, new GrainUserFaults(GrainFactory.GetGrain<IVmGrain>(vmKey)), vcpus);

    public ValueTask<PageSet> MissingAsync(int addressSpace, HvaRange range) =>
        ValueTask.FromResult(Host.Streams.Missing(addressSpace, range));

    public ValueTask<PostcopyBlocktime> EndIncomingAsync(int addressSpace, long stream) =>
        ValueTask.FromResult(_host?.Streams.EndIncoming(addressSpace, stream) ?? PostcopyBlocktime.None);

    public ValueTask<long> PagesHeldAsync(OperationMessage op, int addressSpace) =>
        Host.Streams.PagesHeldAsync(op.ToOperation(), addressSpace);

    public ValueTask<OwnershipStatus> RecordAsync(string vm, Ownership answer) =>
        ValueTask.FromResult(_hostOwnership?.Record(vm, answer) ?? OwnershipStatus.Refused);

    public ValueTask ReleaseAsync(string vm)
    {
        _hostOwnership?.Release(vm);
        return ValueTask.CompletedTask;
    }

    public ValueTask<long> TermAsync() => ValueTask.FromResult(_hostOwnership?.Term ?? 0);

    public ValueTask<OwnedVm[]?> ReportOwnershipAsync(long term) =>
        ValueTask.FromResult(
            _hostOwnership is null ? [] : _hostOwnership.Report(term)?.Select(entry => new OwnedVm(entry.Key, entry.Value)).ToArray());

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
