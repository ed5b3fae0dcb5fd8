using Livebed.Grains.Actors.Migrations;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary>What a VM grain consists of when its VM is there: the process, wired to the other grains, and the journal.</summary>
internal sealed class VmActor
{
    private readonly IGrainFactory _grains;
    private readonly string _key;
    private readonly IHostMmuGrain _host;
    private readonly VmMessage _message;
    private readonly GrainStreamPort _stream;

    /// <param name="grains">the cluster</param>
    /// <param name="journal">the grain's</param>
    /// <param name="key">the grain's</param>
    /// <param name="message">the VM</param>
    /// <param name="sourceKey">the VM's grain at the source; null for a VM that begins here</param>
    /// <param name="closedUnasked">called when the process has closed without a command</param>
    public VmActor(
        IGrainFactory grains, ActorJournal journal, string key, VmMessage message, string? sourceKey, Func<ValueTask> closedUnasked)
    {
        (_grains, Journal, _key, _message, _host) = (grains, journal, key, message, grains.GetGrain<IHostMmuGrain>(message.HostKey));
        Ids = new OperationIds(OperationId.OriginOf(message.Options.Ordinal, OperationId.OfProcess));
        Vcpus = new VcpuGrainThreads(grains, key, message);
        _stream = new GrainStreamPort(_host, message.AddressSpaceId, key);
        Process = new VmProcess(
            journal.World, new ProcessSpec(message.Options, message.RamPages, message.Memslots),
            new ProcessPorts(
                new ProcessGrainPort(_host, journal, message, Ids, closedUnasked),
                new HostGrainPort(journal.World, _host, message, key), _stream, Vcpus, new GrainInventory(grains),
                new GrainHostOwnership(_host, message.HostKey))
            {
                Source = sourceKey is null ? null : new GrainSourcePort(grains.GetGrain<IVmGrain>(sourceKey)),
            });
        journal.Observer.GfnsOf = GfnsOf;
    }

    public ActorJournal Journal { get; }
    public VmProcess Process { get; }
    public VcpuGrainThreads Vcpus { get; }

    /// <summary>Ids of what the process does beside its commands.</summary>
    public OperationIds Ids { get; }

    /// <summary>User space at the destination of a migration, behind the network that the campaign asks for.</summary>
    public GrainMigrationDestination DestinationOf(MigrationRequest request)
    {
        _stream.Faults = request.Faults with
        {
            BreakOperations = [.. request.Faults.LinkBreaks.Select(_ => Process.MigrationIds.Next().Value)],
        };
        var toLose = request.Faults.LostAnswers;
        return new GrainMigrationDestination(
            _grains.GetGrain<IVmGrain>(request.DestinationKey), request.Target, _key,
            answer => toLose-- > 0 ? LoseAnswerAsync(request, answer) : ValueTask.FromResult(answer));
    }

    /// <summary>The host keeps the last reports for the driver, which does not know yet that the VM is gone. A host that does not answer is
    /// gone too, and the reports with it.</summary>
    public async ValueTask LeaveReportsAsync(IReadOnlyList<ActorReport> last) => await GrainCall.OrLostAsync(false, async () =>
    {
        await _host.KeepLastReportsAsync(last);
        return true;
    });

    /// <summary>What the host knows of a fault of this VM; nothing where it does not answer.</summary>
    public ValueTask<FaultExplanation> ExplainAtHostAsync(long fault) =>
        GrainCall.OrLostAsync(FaultExplanation.None, () => _host.ExplainFaultAsync(fault));

    /// <summary>What a range is to the guest: from the first frame to the last, of all memslots that it overlaps now.</summary>
    private GfnRange GfnsOf(HvaRange pages)
    {
        if (Process.Vm is not { } vm) return default;
        var (first, end) = (long.MaxValue, 0L);
        foreach (var slot in vm.Memslots.Active.Overlapping(pages))
        {
            var gfns = slot.ToGfns(pages);
            (first, end) = (Math.Min(first, gfns.Start.Value), Math.Max(end, gfns.End.Value));
        }

        return first < end ? new GfnRange(new Gfn(first), end - first) : default;
    }

    public ActorReport Report(MigrationCounters migrations, long measuredFrom = 0)
    {
        var counters = new ActorCounters { Migrations = migrations with { } };
        if (Process.Vm is not { } vm) return Journal.Report(counters, [], [], [], measuredFrom);
        return Journal.Report(counters with { Vm = vm.Counters with { } }, [vm.Locks], vm.Locks.Waits(), [], measuredFrom);
    }

    private async ValueTask<StreamStatus> LoseAnswerAsync(MigrationRequest request, StreamStatus answer) => await Journal.RunAsync(
        new Operation(Process.MigrationIds.Next(), OperationKind.AnswerLoss), () => ValueTask.FromResult(StreamStatus.Lost),
        _ => ("ok", $"{request.Setup.Vm} to {request.Setup.Destination}: the answer {answer} to the hand-over is lost"));
}
