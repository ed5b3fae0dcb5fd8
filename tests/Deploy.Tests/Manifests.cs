using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using k8s;
using k8s.Models;

namespace Livebed.Deploy.Tests;

/// <summary>The overlays of deploy/, as `kubectl kustomize` renders them offline, read strictly: an unknown field or a key given twice is
/// an error.</summary>
internal static class Manifests
{
    private static readonly ConcurrentDictionary<string, IReadOnlyList<object>> _rendered = new();

    public static string Root { get; } = FindRoot();

    /// <summary>By folder from deploy/.</summary>
    public static TheoryData<string> Overlays => new("base", "overlays/local", "overlays/scale", "overlays/dashboard", "overlays/tls");

    public static IReadOnlyList<object> Of(string overlay) => _rendered.GetOrAdd(
        overlay, static name => KubernetesYaml.LoadAllFromString(Render(name), strict: true));

    public static IEnumerable<T> All<T>(string overlay) => Of(overlay).OfType<T>();

    /// <summary>Every pod, with the name of what makes it.</summary>
    public static IReadOnlyList<(string Name, V1ObjectMeta Meta, V1PodSpec Spec)> Pods(string overlay) =>
    [
        .. All<V1Deployment>(overlay).Select(one => (one.Metadata.Name, one.Spec.Template.Metadata, one.Spec.Template.Spec)),
        .. All<V1StatefulSet>(overlay).Select(one => (one.Metadata.Name, one.Spec.Template.Metadata, one.Spec.Template.Spec)),
        .. All<V1Job>(overlay).Select(one => (one.Metadata.Name, one.Spec.Template.Metadata, one.Spec.Template.Spec)),
        .. All<V1Pod>(overlay).Select(one => (one.Metadata.Name, one.Metadata, one.Spec)),
    ];

    public static bool Matches(V1LabelSelector selector, IDictionary<string, string>? labels)
    {
        string? ValueOf(string key) => labels is not null && labels.TryGetValue(key, out var value) ? value : null;
        return (selector.MatchLabels ?? new Dictionary<string, string>()).All(entry => ValueOf(entry.Key) == entry.Value)
            && (selector.MatchExpressions ?? []).All(rule => rule.OperatorProperty == "In" && rule.Values.Contains(ValueOf(rule.Key)!));
    }

    public static string Render(string overlay)
    {
        var start = new ProcessStartInfo("kubectl", ["kustomize", Path.Combine(Root, "deploy", overlay)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors.Result);
        return text;
    }

    private static string FindRoot([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));
}

/// <summary>A test that needs kubectl. Without it the test is left out on a developer's machine, and fails where CI is set.</summary>
public sealed class NeedsKubectlTheoryAttribute : TheoryAttribute
{
    public NeedsKubectlTheoryAttribute()
    {
        var isInstalled = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, "kubectl")));
        if (!isInstalled && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI"))) Skip = "needs kubectl";
    }
}
