using System.Globalization;
using Livebed.Linux.Interop;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Qemu;

/// <summary>One QEMU with the replaying guest, or one that waits for it. It ends with this object.</summary>
internal sealed class QemuProcess : IDisposable
{
    private const int KillSignal = 9;

    private readonly StartedProgram _program;
    private readonly Pidfd _pidfd;
    private readonly CancellationTokenRegistration _stopping;

    private QemuProcess(StartedProgram program, string socket, CancellationToken stop)
    {
        _program = program;
        _pidfd = new Pidfd(program.Process);
        // Whoever waits for it is woken by that. Until its status is taken, no other process has its number.
        _stopping = stop.Register(() => _ = Libc.Kill(program.Process, KillSignal));
        try
        {
            Qmp = QmpClient.Connect(socket, () => _pidfd.WaitForEnd(TimeSpan.Zero));
        }
        catch
        {
            End();
            throw;
        }
    }

    public int Process => _program.Process;

    public bool HasEnded => _pidfd.WaitForEnd(TimeSpan.Zero);

    public QmpClient Qmp { get; }

    /// <param name="program">QEMU for x86-64</param>
    /// <param name="folder">where its files go</param>
    /// <param name="name">of them</param>
    /// <param name="memoryMib">the guest's RAM</param>
    /// <param name="accelerator">as QEMU names it</param>
    /// <param name="isIncoming">whether it waits for a guest</param>
    /// <param name="stop">ends it at once</param>
    /// <exception cref="QemuException">It cannot be started.</exception>
    public static QemuProcess Start(
        string program, string folder, string name, long memoryMib, string accelerator, bool isIncoming, CancellationToken stop)
    {
        var socket = Path.Combine(folder, name + ".qmp");
        // Memory that nothing touched yet would be cleared when the migration reads it, on either side: up to 9 us a page on a virtual
        // machine, which no guest that ran for a while costs.
        List<string> words =
        [
            program, "-nodefaults", "-no-user-config", "-display", "none", "-machine", $"pc,accel={accelerator}",
            "-m", memoryMib.ToString(CultureInfo.InvariantCulture), "-mem-prealloc", "-kernel", Path.Combine(folder, ImageFile),
            "-initrd", Path.Combine(folder, ScheduleFile), "-debugcon", $"file:{Path.Combine(folder, name + ".console")}",
            "-qmp", $"unix:{socket},server=on,wait=off",
        ];
        if (isIncoming) words.AddRange(["-S", "-incoming", "defer"]);
        try
        {
            return new QemuProcess(StartedProgram.Start(words, hasOwnGroup: true), socket, stop);
        }
        catch (SystemCallException exception)
        {
            throw new QemuException(
                $"{exception.Message}; allowed: where QEMU for x86-64 is installed, or --qemu PATH", inner: exception);
        }
    }

    public const string ImageFile = "guest.multiboot";
    public const string ScheduleFile = "schedule";

    /// <summary>Whether its guest has said that it is ready.</summary>
    public static bool IsReady(string folder, string name)
    {
        var console = new FileInfo(Path.Combine(folder, name + ".console"));
        return console.Exists && console.Length > 0;
    }

    public void Dispose()
    {
        Qmp.Dispose();
        End();
    }

    private void End()
    {
        _stopping.Dispose();
        _ = Libc.Kill(_program.Process, KillSignal);
        _ = _pidfd.WaitForEnd(TimeSpan.FromSeconds(10));
        _ = _program.ExitStatus();
        _pidfd.Dispose();
    }
}
