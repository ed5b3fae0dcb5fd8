using System.Collections;
using System.Text;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Processes;

/// <summary>The program that this process runs.</summary>
public static class ProcessImage
{
    private const string Self = "/proc/self/exe";
    private const string Arguments = "/proc/self/cmdline";

    /// <summary>
    /// Begins the program anew in the same process (execve(2)), with the same arguments and one more environment variable: for what a
    /// runtime reads only when it starts. Everything that the process has opened or begun is gone, so this is for the very beginning.
    /// </summary>
    /// <param name="variable">environment variable</param>
    /// <param name="value">its value</param>
    /// <returns>only where it cannot be done, without an effect</returns>
    public static void BeginAnew(string variable, string value)
    {
        ArgumentException.ThrowIfNullOrEmpty(variable);
        if (!OperatingSystem.IsLinux()) return;
        string[] arguments;
        try
        {
            arguments = Encoding.UTF8.GetString(File.ReadAllBytes(Arguments)).Split('\0')[..^1];
        }
        catch (IOException)
        {
            return;
        }

        var variables = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Where(entry => (string)entry.Key != variable).Select(entry => $"{entry.Key}={entry.Value}");
        _ = Libc.Execute(Self, [.. arguments, null], [.. variables, $"{variable}={value}", null]);
    }
}
