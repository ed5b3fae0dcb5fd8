using System.Diagnostics;
using System.Runtime.InteropServices;
using Livebed.Explorer.Pricing;
using Livebed.Linux.Kvm;
using Livebed.Linux.Measuring;

namespace Livebed.Driver.Pricing;

/// <summary>
/// Measures on this machine what a program can measure: atomics on a line of its own and on one that two CPUs share, ways through a pipe on
/// one CPU and between two, system calls that change memory, with and without another thread that runs, and exits where KVM can be used.
/// Each figure is the least of several rounds, as everything else that a machine does only adds to it.
/// </summary>
internal static class Calibration
{
    private const int Rounds = 5;
    private const int Atomics = 2_000_000;
    private const int PingPongs = 5_000;
    private const int Pages = 2_048;
    private const int Calls = 5_000;
    private const int Exits = 20_000;

    /// <summary>Runs all measurements; less than a minute.</summary>
    /// <exception cref="IOException">The system refuses a call.</exception>
    public static IReadOnlyList<(Price Price, long Nanoseconds, string How)> Measure(Action<string> begins)
    {
        var cpus = MachineCalls.Cpus();
        var measured = new List<(Price Price, long Nanoseconds, string How)>();
        begins("atomics");
        measured.Add((Price.AtomicOwn, Least(OwnAtomic), "a locked add to a line that no other CPU touches"));
        if (cpus.Count > 1)
            measured.Add((
                Price.AtomicNear, Least(() => SharedAtomic(cpus[0], cpus[1])),
                $"half of a round trip of one line between CPU {cpus[0]} and CPU {cpus[1]}"));
        begins("pipes");
        var here = Least(() => RoundTrip(cpus[0], cpus[0]));
        measured.Add((Price.ContextSwitch, here / 2, $"half of a round trip through two pipes on CPU {cpus[0]}, with the calls"));
        if (cpus.Count > 1)
            measured.Add((
                Price.WakeLatency, Least(() => RoundTrip(cpus[0], cpus[1])) / 2,
                $"half of a round trip through two pipes between CPU {cpus[0]} and CPU {cpus[1]}, with the calls"));
        begins("memory");
        AddMemory(measured, cpus);
        begins("exits");
        AddExits(measured);
        return measured;
    }

    /// <summary>A way out of the guest and one into it, of this machine's KVM; nothing where it cannot be used.</summary>
    private static void AddExits(List<(Price Price, long Nanoseconds, string How)> measured)
    {
        try
        {
            using var device = KvmDevice.Open();
            using var machine = new KvmMachine(device, new KvmMachineOptions(KvmLog.Bitmap, 1, 1, KvmBacking.Private, 0, 0));
            var systemCall = measured.First(one => one.Price == Price.SystemCall).Nanoseconds;
            var trip = Least(() => Each(Exits, () => machine.LeaveForPort(0, Exits))) - systemCall;
            foreach (var price in new[] { Price.VmExit, Price.VmEntry })
                measured.Add((price, Math.Max(1, trip / 2), "half of a KVM_RUN that leaves for a port, less an empty system call"));
        }
        catch (KvmException)
        {
            // It is not there, or not for this process: the prices are taken over.
        }
    }

    private static void AddMemory(List<(Price Price, long Nanoseconds, string How)> measured, IReadOnlyList<int> cpus)
    {
        measured.Add((Price.SystemCall, Least(EmptyProtect), "mprotect of a page that is not there"));
        measured.Add((Price.GupSlow, Least(FirstTouch), "the first write to a page of anonymous memory"));
        measured.Add((Price.PteChange, Least(Discard), $"madvise(MADV_DONTNEED), for each of {Pages} pages"));
        measured.Add((Price.PageCopy, Least(() => Copy(compares: false)), "a copy of 4 KiB that caches hold"));
        measured.Add((Price.PageCompare, Least(() => Copy(compares: true)), "a comparison of two equal pages of 4 KiB that caches hold"));
        if (cpus.Count < 2) return;
        var alone = Least(ProtectTouched);
        var beside = Beside(cpus[1], () => Least(ProtectTouched));
        measured.Add((
            Price.FlushSend, Math.Max(0, beside - alone),
            $"what mprotect of a page takes more while a thread of the process runs on CPU {cpus[1]}, with the wait for it"));
    }

    private static long Least(Func<double> measure) =>
        (long)Math.Round(Enumerable.Range(0, Rounds).Select(_ => measure()).Min());

    /// <summary>Nanoseconds of each of so many.</summary>
    private static double Each(int count, Action work)
    {
        var begun = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(begun).TotalNanoseconds / count;
    }

    private static double OwnAtomic()
    {
        var line = new long[32];
        return Each(Atomics, () =>
        {
            for (var i = 0; i < Atomics; i++) Interlocked.Add(ref line[16], 1);
        });
    }

    private static double SharedAtomic(int first, int second)
    {
        const int Trips = Atomics / 20;
        var line = new long[32];
        var other = Thread(second, () =>
        {
            for (long i = 0; i < Trips; i++)
                while (Interlocked.CompareExchange(ref line[16], 2 * i + 2, 2 * i + 1) != 2 * i + 1) { }
        });
        var each = On(first, () => Each(2 * Trips, () =>
        {
            for (long i = 0; i < Trips; i++)
            {
                while (Interlocked.CompareExchange(ref line[16], 2 * i + 1, 2 * i) != 2 * i) { }
            }
        }));
        other.Join();
        return each;
    }

    private static double RoundTrip(int first, int second)
    {
        var (there, back) = (MachineCalls.Pipe(), MachineCalls.Pipe());
        var other = Thread(second, () =>
        {
            for (var i = 0; i < PingPongs; i++)
            {
                MachineCalls.Receive(there.From);
                MachineCalls.Send(back.To);
            }
        });
        var each = On(first, () => Each(PingPongs, () =>
        {
            for (var i = 0; i < PingPongs; i++)
            {
                MachineCalls.Send(there.To);
                MachineCalls.Receive(back.From);
            }
        }));
        other.Join();
        foreach (var end in (int[])[there.From, there.To, back.From, back.To]) MachineCalls.Close(end);
        return each;
    }

    private static double EmptyProtect() => WithMemory(1, at => Each(2 * Calls, () => Toggle(at)));

    private static double ProtectTouched() => WithMemory(1, at => Each(Calls, () =>
    {
        for (var i = 0; i < Calls; i++)
        {
            // The page is writable when it is taken away: the permission that goes makes the flush.
            MachineCalls.Protect(at, MachineCalls.PageBytes, MachineCalls.ReadWrite);
            Marshal.WriteByte(at, 1);
            MachineCalls.Protect(at, MachineCalls.PageBytes, MachineCalls.ReadOnly);
        }
    }));

    private static void Toggle(nint at)
    {
        for (var i = 0; i < Calls; i++)
        {
            MachineCalls.Protect(at, MachineCalls.PageBytes, MachineCalls.ReadOnly);
            MachineCalls.Protect(at, MachineCalls.PageBytes, MachineCalls.ReadWrite);
        }
    }

    private static double FirstTouch() => WithMemory(Pages, at => Each(Pages, () => Touch(at)));

    private static double Discard() => WithMemory(Pages, at =>
    {
        Touch(at);
        return Each(Pages, () => MachineCalls.Discard(at, (nint)Pages * MachineCalls.PageBytes));
    });

    private static double Copy(bool compares)
    {
        var (one, other, equal) = (new byte[MachineCalls.PageBytes], new byte[MachineCalls.PageBytes], 0);
        var each = Each(Calls, () =>
        {
            for (var i = 0; i < Calls; i++)
            {
                if (!compares) one.AsSpan().CopyTo(other);
                else if (one.AsSpan().SequenceEqual(other)) equal++;
            }
        });
        return compares && equal != Calls ? throw new InvalidOperationException("equal pages differ") : each;
    }

    private static void Touch(nint at)
    {
        for (var page = 0; page < Pages; page++) Marshal.WriteByte(at + (nint)page * MachineCalls.PageBytes, 1);
    }

    private static double WithMemory(int pages, Func<nint, double> measure)
    {
        var at = MachineCalls.Map((nint)pages * MachineCalls.PageBytes);
        try
        {
            return measure(at);
        }
        finally
        {
            MachineCalls.Unmap(at, (nint)pages * MachineCalls.PageBytes);
        }
    }

    /// <summary>Measures while a thread runs on another CPU without end.</summary>
    private static long Beside(int cpu, Func<long> measure)
    {
        var ends = false;
        var other = Thread(cpu, () =>
        {
            while (!Volatile.Read(ref ends)) { }
        });
        try
        {
            return measure();
        }
        finally
        {
            Volatile.Write(ref ends, true);
            other.Join();
        }
    }

    private static Thread Thread(int cpu, Action work)
    {
        var thread = new Thread(() =>
        {
            MachineCalls.Pin(cpu);
            work();
        })
        {
            IsBackground = true,
        };
        thread.Start();
        return thread;
    }

    private static double On(int cpu, Func<double> measure)
    {
        var result = 0.0;
        Thread(cpu, () => result = measure()).Join();
        return result;
    }
}
