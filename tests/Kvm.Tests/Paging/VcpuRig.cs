using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Paging;

/// <summary>One vCPU between a VM and a memory that do what a test says.</summary>
internal sealed class VcpuRig
{
    private readonly OperationIds _ids = new(0);

    private readonly int _batch;
    private readonly bool _startsStopped;
    private readonly IWorld? _vcpuWorld;

    /// <param name="strategy">of the schedule</param>
    /// <param name="batch">accesses of one entry</param>
    /// <param name="program">of the guest; writes to one page when null</param>
    /// <param name="startsStopped">whether the vCPU is paused from the beginning</param>
    /// <param name="sleepsUntilWoken">whether a sleep of the vCPU never ends by itself</param>
    public VcpuRig(
        ISchedulingStrategy strategy, int batch = 8, IPacedGuestProgram? program = null, bool startsStopped = false,
        bool sleepsUntilWoken = false)
    {
        _startsStopped = startsStopped;
        _batch = batch;
        World = new VirtualWorld(strategy);
        if (sleepsUntilWoken) _vcpuWorld = new SleepyWorld(World);
        Vm = new ScriptedVm();
        Memory = new SlowMemory(World);
        Program = new OnePageGuest();
        Vcpu = NewVcpu(program ?? Program);
    }

    public VirtualWorld World { get; }
    public ScriptedVm Vm { get; }
    public SlowMemory Memory { get; }
    public OnePageGuest Program { get; }
    public Vcpu Vcpu { get; }

    /// <summary>A vCPU of the same VM, for instance the one that goes on where <see cref="Vcpu"/> was saved.</summary>
    public Vcpu NewVcpu(IPacedGuestProgram program, VcpuState? state = null, int index = 0) => new(
        _vcpuWorld ?? World,
        new VcpuOptions(index, TlbEntries: 64, BatchAccesses: _batch, FaultRetriesMax: 1_000, FaultMicrosecondsMax: 0)
        {
            StartsStopped = _startsStopped,
        },
        "vcpu", 1, Vm, Memory, program, state);

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

        /// <summary>Whether a write that faults puts its page into the dirty log.</summary>
        public bool LogsDirtyPages { get; set; }

        public List<OperationId> Operations { get; } = [];

        public async ValueTask<FaultReply> FaultAsync(Operation op, int vcpu, Gfn gfn, bool write)
        {
            var status = Status(Faults++);
            Operations.Add(op.Id);
            if (BeforeReply is { } interruption) await interruption();
            return new FaultReply(
                status, new Translation(gfn, new Hva(gfn.Value), new Pfn(1), Writable: true), Dirtied: LogsDirtyPages && write);
        }

        public ValueTask ReapDirtyRingsAsync(Operation op) => ValueTask.CompletedTask;
    }

    internal sealed class SlowMemory(VirtualWorld world) : IGuestMemory
    {
        /// <summary>Steps that one batch takes.</summary>
        public int Steps { get; set; }

        /// <summary>Whether the host lets guests run.</summary>
        public bool IsOpen { get; set; } = true;

        /// <summary>Batches that were held back.</summary>
        public int HeldBack { get; private set; }

        public bool IsExecuting { get; private set; }
        public int Executions { get; private set; }

        /// <summary>What was executed, when a test wants it.</summary>
        public List<ulong>? Values { get; set; }

        public async ValueTask<bool> ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses, long epoch = 0)
        {
            IsExecuting = true;
            for (var step = 0; step < Steps; step++) await world.PointAsync(SchedulingPoint.GuestAccess);
            IsExecuting = false;
            if (!IsOpen)
            {
                HeldBack++;
                return false;
            }

            Executions++;
            foreach (var access in accesses.Span) Values?.Add(access.Value);
            return true;
        }
    }

    /// <summary>A world in which nothing but a wake-up ends a sleep.</summary>
    private sealed class SleepyWorld(VirtualWorld world) : IWorld
    {
        public long NowMicroseconds => world.NowMicroseconds;
        public IModelObserver Observer => world.Observer;
        public SynchronizationContext? WaitingContext => ((IWorld)world).WaitingContext;

        public ValueTask PointAsync(SchedulingPoint point) => world.PointAsync(point);

        public ValueTask DelayAsync(long microseconds) => world.DelayAsync(microseconds);

        public async ValueTask SleepAsync(long microseconds, Wakeup wakeup)
        {
            var isWoken = false;
            wakeup.Arm(() => isWoken = true);
            while (!isWoken) await world.DelayAsync(Wakeup.LookMicroseconds);
        }

        public void Start(string name, Func<ValueTask> body) => ((IWorld)world).Start(name, body);
    }

    /// <summary>Eight writes to one page, again and again, at whatever time; what it is saved as does not matter.</summary>
    internal sealed class OnePageGuest : IPacedGuestProgram
    {
        private int _batches;

        /// <summary>It waits for its next access after so many batches.</summary>
        public int BatchesMost { get; set; } = int.MaxValue;

        public Action<int>? BeforeBatch { get; set; }

        /// <summary>The guest's time at the last batch.</summary>
        public long NowMicroseconds { get; private set; }

        public long BehindMicroseconds => 0;
        public long AccessesHandedOut => 0;
        public long NextDueMicroseconds => _batches == BatchesMost ? long.MaxValue : 0;

        public int Next(Span<GuestOperation> operations, long nowMicroseconds)
        {
            NowMicroseconds = nowMicroseconds;
            if (_batches == BatchesMost) return 0;
            BeforeBatch?.Invoke(_batches);
            _batches++;
            for (var i = 0; i < operations.Length; i++) operations[i] = new GuestOperation(new Gfn(8), GuestAccessKind.Write, (ulong)i);
            return operations.Length;
        }

        public GuestState Save() => new([]);

        public void Dispose()
        {
        }
    }
}
