namespace Livebed.Explorer.Pricing.Worlds;

/// <summary>
/// The CPUs of the host, in nodes of equal size, and the threads that wait for one. A thread takes the CPU that it had last if that is
/// idle, else one of its node, else any; else it waits in one queue for all. Simplified against the kernel's scheduler: one queue, and no
/// thread is moved while it runs.
/// </summary>
internal sealed class Cpus
{
    private readonly PricedThread?[] _running;
    private readonly Queue<PricedThread> _waiting = new();
    private readonly int _perNode;
    private int _next;

    /// <param name="cpus">how many there are</param>
    /// <param name="nodes">how many nodes they are in</param>
    public Cpus(int cpus, int nodes)
    {
        _running = new PricedThread?[cpus];
        LastThread = new int[cpus];
        Array.Fill(LastThread, -1);
        _perNode = (cpus + nodes - 1) / nodes;
    }

    /// <summary>The thread that each CPU ran last.</summary>
    public int[] LastThread { get; }

    public bool HasWaiting => _waiting.Count > 0;

    public int NodeOf(int cpu) => cpu / _perNode;

    /// <summary>False puts the thread into the queue.</summary>
    public bool TryTake(PricedThread thread)
    {
        var cpu = IdleFor(thread);
        if (cpu < 0)
        {
            _waiting.Enqueue(thread);
            return false;
        }

        Run(thread, cpu);
        return true;
    }

    /// <summary>The thread leaves its CPU.</summary>
    /// <returns>the one that has it now; null when none waits</returns>
    public PricedThread? Leave(PricedThread thread)
    {
        var cpu = thread.Cpu;
        (_running[cpu], thread.Cpu) = (null, -1);
        if (!_waiting.TryDequeue(out var next)) return null;
        Run(next, cpu);
        return next;
    }

    private void Run(PricedThread thread, int cpu)
    {
        _running[cpu] = thread;
        (thread.Cpu, thread.LastCpu) = (cpu, cpu);
    }

    private int IdleFor(PricedThread thread)
    {
        // New threads are spread in their order, as pinned vCPUs are.
        var home = thread.LastCpu >= 0 ? thread.LastCpu : _next++ % _running.Length;
        if (_running[home] is null) return home;
        var node = NodeOf(home);
        for (var cpu = node * _perNode; cpu < Math.Min((node + 1) * _perNode, _running.Length); cpu++)
            if (_running[cpu] is null) return cpu;
        return Array.IndexOf(_running, null);
    }
}
