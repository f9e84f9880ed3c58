# A real Kubernetes on this machine, as a module's cluster: made and ended by cluster.py.

variable "seatrial_tags" {
  type = map(string)
}

variable "python" {
  type = string
}

variable "script" {
  type        = string
  description = "cluster.py"
}

variable "root" {
  type        = string
  description = "of the checkout"
}

variable "parts" {
  type        = string
  description = "parts.json"
}

variable "folder" {
  type = string
}

# Ends the cluster, however far it came: tofu runs no destroy provisioner of a resource that was not finished.
resource "terraform_data" "place" {
  input = {
    command = "${var.python} ${var.script} end ${var.seatrial_tags["seatrial-lease"]}"
    root    = var.root
  }
  provisioner "local-exec" {
    when        = destroy
    command     = self.input.command
    environment = { PYTHONPATH = self.input.root }
  }
}

resource "terraform_data" "cluster" {
  depends_on = [terraform_data.place]
  input      = var.folder
  provisioner "local-exec" {
    command     = "${var.python} ${var.script} make ${var.seatrial_tags["seatrial-lease"]} ${var.folder} ${var.parts}"
    environment = { PYTHONPATH = var.root }
  }
}

output "kubeconfig" {
  # Not known before the cluster is there.
  value     = file("${terraform_data.cluster.output}/kubeconfig")
  sensitive = true
}
