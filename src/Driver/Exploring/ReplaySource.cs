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
        try
        {
            var replay = ReplayFile.Read(Path.GetFullPath(file, currentFolder));
            return (replay, ReplayPlayer.Of(replay, (name, assembly) => ProtocolFinder.FindProtocol(name, assembly, currentFolder, file)));
        }
        catch (ReplayException exception)
        {
            throw new UsageException(exception.Message.Contains(Path.GetFileName(file), StringComparison.Ordinal) ? exception.Message : $"{file}: {exception.Message}");
        }
    }
}
