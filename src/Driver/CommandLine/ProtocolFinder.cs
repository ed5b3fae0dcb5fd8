using Livebed.Driver.Errors;
using Livebed.Explorer.Protocols;
using Livebed.Explorer.Scenarios;

namespace Livebed.Driver.CommandLine;

/// <summary>Finds the protocol that a command names, a preset or one of an assembly; what is wrong with it is the user's
/// business.</summary>
internal static class ProtocolFinder
{
    /// <param name="name">of a preset, or of one in the assembly; null takes the assembly's only one, or the usual preset</param>
    /// <param name="assembly">the assembly that has it; null for a preset</param>
    /// <param name="currentFolder">what a relative path of an assembly is relative to</param>
    /// <param name="place">where it was named, for the message: an option, a file</param>
    /// <exception cref="UsageException">There is no such protocol.</exception>
    public static ScenarioSetup FindProtocol(string? name, string? assembly, string currentFolder, string place)
    {
        try
        {
            return ProtocolSource.Find(name, assembly, currentFolder);
        }
        catch (ProtocolException exception)
        {
            throw new UsageException($"{place}: {exception.Message}");
        }
    }
}
