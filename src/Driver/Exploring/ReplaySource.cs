using Livebed.Explorer.Replays;

namespace Livebed.Driver.Exploring;

/// <summary>A replay file as a command gets it: read, and with everything that it names looked up.</summary>
internal static class ReplaySource
{
    /// <param name="currentFolder">what a relative path is relative to, the file's and that of the assembly in it</param>
    /// <param name="file">as it was typed</param>
    /// <exception cref="UsageException">The file is not there, no replay, or names what there is not.</exception>
    public static (Replay Replay, ReplayPlayer Player) Read(string currentFolder, string file)
    {
        var path = Path.GetFullPath(file, currentFolder);
        if (!File.Exists(path)) throw new UsageException($"{file}: there is no such file; allowed: a replay file, as `livebed explore` writes it");
        try
        {
            var replay = ReplayFile.Read(path);
            return (replay, ReplayPlayer.Of(replay, (name, assembly) => ProtocolFinder.FindProtocol(name, assembly, currentFolder, $"{file}: protocol")));
        }
        catch (ReplayException exception)
        {
            throw new UsageException(exception.Message.StartsWith(path, StringComparison.Ordinal) ? file + exception.Message[path.Length..] : $"{file}: {exception.Message}");
        }
    }
}
