using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Paging;

/// <summary>One vCPU between a VM and a memory that do what a test says.</summary>
internal sealed class VcpuRig
{
    private readonly OperationIds _ids = new(0);

    public VcpuRig(ISchedulingStrategy strategy, int batch = 8)
    {
        World = new VirtualWorld(strategy);
        Vm = new ScriptedVm();
        Memory = new SlowMemory(World);
        Program = new OnePageGuest();
        Vcpu = new Vcpu(
            World, new VcpuOptions(0, TlbEntries: 64, BatchAccesses: batch, FaultRetriesMax: 1_000, FaultMicrosecondsMax: 0), "vcpu", 1, Vm, Memory, Program);
    }

    public VirtualWorld World { get; }
    public ScriptedVm Vm { get; }
    public SlowMemory Memory { get; }
    public OnePageGuest Program { get; }
    public Vcpu Vcpu { get; }

    public Operation NewOperation() => new(_ids.Next(), OperationKind.Audit);

    /// <summary>Runs the vCPU beside the scenario, and stops it when the scenario is done.</summary>
    public ScheduleResult Run(Func<ValueTask> scenario)
    {
        World.Spawn("vcpu", Vcpu.RunAsync);
        World.Spawn("scenario", async () =>
        {
            await scenario();
            await Vcpu.StopAsync(NewOperation());
        });
        return World.Run(5_000_000);
    }

    internal sealed class ScriptedVm : IVmPort
    {
        public Func<int, FaultStatus> Status { get; set; } = _ => FaultStatus.Mapped;
        public Func<ValueTask>? BeforeReply { get; set; }
        public int Faults { get; private set; }

        public async ValueTask<FaultReply> FaultAsync(Operation op, int vcpu, Gfn gfn, bool write)
        {
            var status = Status(Faults++);
            if (BeforeReply is { } interruption) await interruption();
            return new FaultReply(status, new Translation(gfn, new Hva(gfn.Value), new Pfn(1), Writable: true));
        }

        public ValueTask ReapDirtyRingsAsync(Operation op) => ValueTask.CompletedTask;
    }

    internal sealed class SlowMemory(VirtualWorld world) : IGuestMemory
    {
        /// <summary>Steps that one batch takes.</summary>
        public int Steps { get; set; }

        public bool IsExecuting { get; private set; }
        public int Executions { get; private set; }

        public async ValueTask ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses)
        {
            IsExecuting = true;
            for (var step = 0; step < Steps; step++) await world.PointAsync(SchedulingPoint.GuestAccess);
            IsExecuting = false;
            Executions++;
        }
    }

    /// <summary>Eight writes to one page, again and again.</summary>
    internal sealed class OnePageGuest : IPacedGuestProgram
    {
        private int _batches;

        public Action<int>? BeforeBatch { get; set; }
        public long BehindMicroseconds => 0;
        public long AccessesHandedOut => 0;
        public long NextDueMicroseconds => 0;

        public int Next(Span<GuestOperation> operations, long nowMicroseconds)
        {
            BeforeBatch?.Invoke(_batches++);
            for (var i = 0; i < operations.Length; i++) operations[i] = new GuestOperation(new Gfn(8), GuestAccessKind.Write, (ulong)i);
            return operations.Length;
        }

        public void Dispose()
        {
        }
    }
}
