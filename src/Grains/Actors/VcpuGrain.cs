using System.Diagnostics;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;
using Orleans.Concurrency;

namespace Livebed.Grains.Actors;

/// <summary>Adapter of a <see cref="Vcpu"/>: the guest runs as one long task between the grain's turns, which flushes and pauses
/// interleave.</summary>
[Reentrant]
[LivebedPlacement]
[KeepAlive]
internal sealed class VcpuGrain(ActorSilo silo, LocalHosts localHosts) : Grain, IVcpuGrain
{
    private ActorJournal? _journal;
    private Vcpu? _vcpu;
    private TimedGuestMemory? _memory;
    private EmptyActivation? _emptyActivation;

    private EmptyActivation EmptyActivation => _emptyActivation ??= new EmptyActivation(this);

    public ValueTask<bool> StartAsync(VmMessage vm, int index, VcpuState? state = null)
    {
        if (!EmptyActivation.TryFill()) return ValueTask.FromResult(false);
        if (_vcpu is not null) return ValueTask.FromResult(true);
        _journal = new ActorJournal(silo, this.GetPrimaryKeyString());
        var memory = localHosts.Find(vm.HostKey, vm.AddressSpaceId)
            ?? new HostGrainMemory(GrainFactory.GetGrain<IGuestMemoryGrain>(vm.HostKey), vm.AddressSpaceId);
        _memory = new TimedGuestMemory(memory, _journal);
        var vmKey = ActorKeys.VmOf(this.GetPrimaryKeyString());
        var program = vm.Guest.Create(vm.Seed, vm.Options.Ordinal, index, vm.Vcpus, VmLayout.RamGfn, vm.PageSize, state?.Program);
        _vcpu = new Vcpu(
            _journal.World,
            new VcpuOptions(index, vm.TlbEntries, FaultRetriesMax: vm.FaultRetriesMax)
            {
                Mutant = vm.Options.Mutant,
                StartsStopped = vm.Options.StartsStopped,
            },
            this.GetPrimaryKeyString(), vm.Options.Ordinal,
            new VmGrainPort(GrainFactory.GetGrain<IVmGrain>(vmKey), _journal), _memory, program, state);
        _journal.Join(Report);
        _journal.Observer.ExplainFault = fault => GrainFactory.GetGrain<IVmGrain>(vmKey).ExplainFaultAsync(fault.Value).AsTask();
        _ = RunAsync(_vcpu, program);
        return ValueTask.FromResult(true);
    }

    public ValueTask FlushTlbAsync(OperationMessage op, GfnRange range) =>
        _vcpu is null ? WithoutVcpu() : _journal!.DuringAsync(_vcpu.FlushTlbAsync(op.ToOperation(), range));

    public ValueTask PauseAsync(OperationMessage op) =>
        _vcpu is null ? WithoutVcpu() : _journal!.DuringAsync(_vcpu.PauseAsync(op.ToOperation()));

    public ValueTask ResumeAsync(OperationMessage op, long epoch) =>
        _vcpu is null ? WithoutVcpu() : _journal!.DuringAsync(_vcpu.ResumeAsync(op.ToOperation(), epoch));

    public async ValueTask<VcpuState?> SaveAsync(OperationMessage op)
    {
        if (_vcpu is not null) return await _journal!.DuringAsync(_vcpu.SaveAsync(op.ToOperation()));
        EmptyActivation.Noticed();
        return null;
    }

    public async ValueTask<ThrottleState> ThrottleOfAsync(OperationMessage op)
    {
        if (_vcpu is not null) return await _vcpu.ThrottleOfAsync(op.ToOperation());
        EmptyActivation.Noticed();
        return default;
    }

    public ValueTask ThrottleAsync(OperationMessage op, VcpuThrottle throttle) =>
        _vcpu is null ? WithoutVcpu() : _journal!.DuringAsync(_vcpu.ThrottleAsync(op.ToOperation(), throttle));

    public ValueTask StopAsync(OperationMessage op) =>
        _vcpu is null ? WithoutVcpu() : _journal!.DuringAsync(_vcpu.StopAsync(op.ToOperation()));

    public ValueTask<ActorReport> InspectAsync(long measuredFrom) => ValueTask.FromResult(Report(measuredFrom));

    public ValueTask<ActorReport> CloseAsync()
    {
        DeactivateOnIdle();
        var last = Report();
        _journal?.Leave();
        return ValueTask.FromResult(last);
    }

    /// <summary>Its silo stops. Without this the guest would run on in a process that has other silos.</summary>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _journal?.Leave();
        if (_vcpu is { IsStopped: false }) _ = _vcpu.StopAsync(new Operation(OperationId.None, OperationKind.VmDestroy));
        return Task.CompletedTask;
    }

    private async Task RunAsync(Vcpu vcpu, IDisposable program)
    {
        // The guest has no parent span: its faults belong to no trace of the operation that started it.
        Activity.Current = null;
        using (program)
        {
            try
            {
                await vcpu.RunAsync();
            }
            catch (Exception exception)
            {
                _journal!.Failed(exception);
                vcpu.Abort();
            }
        }

        _journal!.Changed();
    }

    private ActorReport Report() => Report(measuredFrom: 0);

    private ActorReport Report(long measuredFrom)
    {
        if (_vcpu is null || _journal is null)
        {
            _ = WithoutVcpu();
            return new ActorReport { Actor = this.GetPrimaryKeyString(), Silo = silo.Telemetry.Silo };
        }

        var waits = new List<WaitSnapshot>();
        _vcpu.AddWaits(waits);
        return _journal.Report(new ActorCounters { Vcpu = _vcpu.CountersNow() }, [], waits, [_vcpu.CurrentFault], measuredFrom) with
        {
            GuestAccesses = _memory!.Take(),
        };
    }

    /// <summary>The answer to a call that found no vCPU.</summary>
    private ValueTask WithoutVcpu()
    {
        EmptyActivation.Noticed();
        return ValueTask.CompletedTask;
    }
}
