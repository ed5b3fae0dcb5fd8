using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json.Serialization;

namespace Livebed.Driver.Clusters;

/// <summary>A process that outlives the command that started it. A number that the system has given to another process since is not taken
/// for it.</summary>
/// <param name="Name">as <c>silo-0</c></param>
/// <param name="Id">of the process</param>
/// <param name="Started">when, by the machine's clock</param>
internal sealed record LocalProcess(string Name, int Id, DateTimeOffset Started)
{
    /// <summary>The system tells the time of a start to a few milliseconds, and differently each time.</summary>
    private static readonly TimeSpan StartTolerance = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private const string Detaching = """
        log=$1; shift
        if command -v setsid >/dev/null; then set -- setsid "$@"; fi
        exec "$@" >>"$log" 2>&1 </dev/null
        """;

    [JsonIgnore]
    public bool IsRunning
    {
        get
        {
            using var process = Find();
            return process is not null;
        }
    }

    /// <summary>Starts a program that is not bound to this one's terminal and life; what it says goes to the end of a file.</summary>
    public static LocalProcess Start(string name, ProcessStartInfo program, string log)
    {
        // The shell is replaced by the program, so the number stays.
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(Detaching);
        start.ArgumentList.Add("sh");
        start.ArgumentList.Add(log);
        start.ArgumentList.Add(program.FileName);
        foreach (var argument in program.ArgumentList) start.ArgumentList.Add(argument);
        start.Environment.Clear();
        foreach (var (variable, value) in program.Environment) start.Environment[variable] = value;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        return new LocalProcess(name, process.Id, new DateTimeOffset(process.StartTime).ToUniversalTime());
    }

    /// <summary>Asks the process to end, and ends it when it does not.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        if (!IsRunning) return;
        using (var asked = Process.Start("kill", ["-TERM", FormattableString.Invariant($"{Id}")])) await asked.WaitForExitAsync();
        if (await EndsWithinAsync(patience)) return;
        try
        {
            using var process = Find();
            process?.Kill();
        }
        catch (Exception exception) when (exception is InvalidOperationException or Win32Exception)
        {
            // It ended meanwhile.
        }

        await EndsWithinAsync(patience);
    }

    public async Task<bool> EndsWithinAsync(TimeSpan patience)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (IsRunning)
        {
            if (TimeProvider.System.GetElapsedTime(began) > patience) return false;
            await Task.Delay(Look);
        }

        return true;
    }

    private Process? Find()
    {
        try
        {
            var process = Process.GetProcessById(Id);
            if (!process.HasExited && (process.StartTime.ToUniversalTime() - Started.UtcDateTime).Duration() < StartTolerance)
                return process;
            process.Dispose();
            return null;
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or Win32Exception)
        {
            return null;
        }
    }
}
