"""The few things that `nodetool` is wanted for, over JMX.

nodetool itself needs a module that the sandbox's Java lacks; the stub of its server does not.
"""

import subprocess
from pathlib import Path

from sandbox.parts.cassandra import Node
from sandbox.parts.launch import tied
from tools import places

_PROGRAM = """
import java.rmi.registry.LocateRegistry;
import java.util.List;
import java.util.Map;
import javax.management.Attribute;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.rmi.RMIConnector;
import javax.management.remote.rmi.RMIServer;

public class Operate {
    static MBeanServerConnection node;

    public static void main(String[] args) throws Exception {
        var registry = LocateRegistry.getRegistry("127.0.0.1", Integer.parseInt(args[0]));
        try (var jmx = new RMIConnector((RMIServer) registry.lookup("jmxrmi"), null)) {
            jmx.connect();
            node = jmx.getMBeanServerConnection();
            switch (args[1]) {
                case "flush" -> flush();
                case "handoff" -> node.setAttribute(bean("StorageProxy"),
                        new Attribute("HintedHandoffEnabled", Boolean.valueOf(args[2])));
                case "repair" -> repair(args[2]);
                default -> throw new IllegalArgumentException(args[1]);
            }
        }
    }

    static void repair(String keyspace) throws Exception {
        Object command = node.invoke(bean("StorageService"), "repairAsync",
                new Object[]{ keyspace, Map.of("incremental", "false") },
                new String[]{ "java.lang.String", "java.util.Map" });
        List<?> status = null;
        for (int i = 0; i < 600 && (status == null || status.get(0).equals("IN_PROGRESS")); i++) {
            Thread.sleep(200);
            status = (List<?>) node.invoke(bean("StorageService"), "getParentRepairStatus",
                    new Object[]{ command }, new String[]{ "int" });
        }
        if (status == null || !status.get(0).equals("COMPLETED"))
            throw new IllegalStateException("repair: " + status);
    }

    static void flush() throws Exception {
        for (Object keyspace : (List<?>) node.getAttribute(bean("StorageService"), "Keyspaces"))
            node.invoke(bean("StorageService"), "forceKeyspaceFlush",
                    new Object[]{ keyspace, new String[0] },
                    new String[]{ "java.lang.String", "[Ljava.lang.String;" });
    }

    static ObjectName bean(String type) throws Exception {
        return new ObjectName("org.apache.cassandra.db:type=" + type);
    }
}
"""


def operate(node: Node, home: Path, *what: str) -> None:
    """`flush` (every table), `handoff true|false` or `repair KEYSPACE`, done when it returns."""
    java = str(places.java())
    if not (home / "Operate.class").exists():
        (home / "Operate.java").write_text(_PROGRAM)
        compiler = places.classpath("compiler").read_text().strip()
        options = ["-17", "-nowarn", "-d", str(home), str(home / "Operate.java")]
        _run(java, "-jar", compiler, *options)
    # What a node answers may be of classes of Guava.
    jars = places.classpath("cassandra").read_text().split()
    guava = [jar for jar in jars if Path(jar).name.startswith("guava-")]
    path = ":".join([str(home), *guava])
    _run(java, "-cp", path, "Operate", str(node.jmx_port), *what)


def _run(*command: str) -> None:
    done = subprocess.run(tied(*command), capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
