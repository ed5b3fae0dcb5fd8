using System.Globalization;

namespace Livebed.Linux.Processes;

/// <summary>One line of <c>/proc/PID/maps</c>.</summary>
/// <param name="Start">first byte</param>
/// <param name="End">behind the last byte</param>
/// <param name="Permissions">as in <c>rw-p</c></param>
/// <param name="Inode">of the file; 0 for anonymous memory</param>
/// <param name="Name">file, or a name in brackets; empty for anonymous memory</param>
public readonly record struct ProcessMapping(ulong Start, ulong End, string Permissions, long Inode, string Name)
{
    public ulong Bytes => End - Start;

    public bool IsWritable => Permissions[1] == 'w';

    public bool IsPrivate => Permissions[3] == 'p';

    public bool IsAnonymous => Inode == 0 && !Name.StartsWith('/');

    /// <summary>Whether it is the kernel's own, which no process writes to.</summary>
    public bool IsOfKernel => Name.StartsWith("[v", StringComparison.Ordinal);

    /// <summary>The lines of a maps file; a line that is none is passed over, as the file may be cut off where the process ends.</summary>
    public static List<ProcessMapping> Parse(string text)
    {
        var mappings = new List<ProcessMapping>();
        foreach (var line in text.Split('\n'))
            if (TryParse(line, out var mapping))
                mappings.Add(mapping);
        return mappings;
    }

    /// <exception cref="IOException">There is no such process.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be looked at.</exception>
    public static List<ProcessMapping> Of(int process) => Parse(File.ReadAllText($"/proc/{process}/maps"));

    private static bool TryParse(string line, out ProcessMapping mapping)
    {
        mapping = default;
        // start-end perms offset device inode   name, and a name may hold spaces.
        var parts = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length < 5 || parts[1].Length != 4) return false;
        var dash = parts[0].IndexOf('-', StringComparison.Ordinal);
        if (dash < 0 || !TryAddress(parts[0].AsSpan(0, dash), out var start) || !TryAddress(parts[0].AsSpan(dash + 1), out var end))
            return false;
        if (end <= start || !long.TryParse(parts[4], NumberStyles.None, CultureInfo.InvariantCulture, out var inode)) return false;
        mapping = new ProcessMapping(start, end, parts[1], inode, parts.Length == 6 ? parts[5].Trim() : "");
        return true;
    }

    private static bool TryAddress(ReadOnlySpan<char> text, out ulong address) =>
        ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out address);
}
