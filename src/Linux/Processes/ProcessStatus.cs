using System.Globalization;

namespace Livebed.Linux.Processes;

/// <summary>What <c>/proc/PID/stat</c> and <c>/proc/PID/status</c> say of a process.</summary>
/// <param name="Name">of its program, at most 15 bytes of it</param>
/// <param name="State">as the kernel's letter: R, S, D, T, t, Z, X</param>
/// <param name="Parent">its parent's id</param>
/// <param name="MinorFaults">page faults without reading from a disk, of all its threads</param>
/// <param name="StackStart">where its stack begins; another one after an exec; 0 where it may not be looked at</param>
public sealed record ProcessStatus(string Name, char State, int Parent, long MinorFaults, ulong StackStart)
{
    /// <summary>Whether it has ended, though its parent may not have asked for its status.</summary>
    public bool HasEnded => State is 'Z' or 'X';

    /// <summary>Null where there is no such process.</summary>
    public static ProcessStatus? Of(int process)
    {
        try
        {
            return Parse(File.ReadAllText($"/proc/{process}/stat"));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Null for a text that is cut off.</summary>
    public static ProcessStatus? Parse(string stat)
    {
        // "pid (name) state ppid ...", and the name may hold anything, parentheses included.
        var (open, close) = (stat.IndexOf('(', StringComparison.Ordinal), stat.LastIndexOf(')'));
        if (open < 0 || close < open) return null;
        var fields = stat[(close + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (fields.Length < 26 || !int.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out var parent)) return null;
        _ = long.TryParse(fields[7], NumberStyles.None, CultureInfo.InvariantCulture, out var faults);
        _ = ulong.TryParse(fields[25], NumberStyles.None, CultureInfo.InvariantCulture, out var stack);
        return new ProcessStatus(stat[(open + 1)..close], fields[0][0], parent, faults, stack);
    }

    /// <summary>A field of a status file, as in <c>Seccomp</c>; null where it is not there.</summary>
    public static string? Field(string status, string name)
    {
        foreach (var line in status.Split('\n'))
            if (line.StartsWith(name, StringComparison.Ordinal) && line.Length > name.Length && line[name.Length] == ':')
                return line[(name.Length + 1)..].Trim();
        return null;
    }

    /// <summary>Of a process's own status file; null where it cannot be read.</summary>
    public static string? Field(int process, string name)
    {
        try
        {
            return Field(File.ReadAllText($"/proc/{process}/status"), name);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Processes that have it as their parent, in the order of their ids.</summary>
    public static List<int> ChildrenOf(int process)
    {
        var children = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && Of(id) is { HasEnded: false } status && status.Parent == process)
                children.Add(id);
        children.Sort();
        return children;
    }
}
